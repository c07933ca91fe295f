CREATE TABLE IF NOT EXISTS greetings (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    text text NOT NULL CHECK (text <> '')
);

INSERT INTO greetings (text)
SELECT unnest(ARRAY['Hello', 'Hej', 'Hola', 'こんにちは'])
WHERE NOT EXISTS (SELECT FROM greetings);
