CREATE TABLE IF NOT EXISTS guests (
    name text PRIMARY KEY,
    signed_at timestamptz NOT NULL DEFAULT now()
);
