-- Applied by `wrangler-py dev` to the embedded PostgreSQL, again after every change: it must be repeatable.

CREATE TABLE IF NOT EXISTS guests (
    name text PRIMARY KEY,
    signed_at timestamptz NOT NULL DEFAULT now()
);

INSERT INTO guests (name) VALUES
    ('Ada Lovelace'),
    ('Grace Hopper'),
    ('Michael Stonebraker')
ON CONFLICT DO NOTHING;
