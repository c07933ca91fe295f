"""A Worker with something for every page of the dashboard to show, in a project of its own."""

from __future__ import annotations

from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS authors (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL
);
CREATE TABLE IF NOT EXISTS articles (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    author_id integer NOT NULL REFERENCES authors (id),
    title text NOT NULL,
    views integer NOT NULL DEFAULT 0,
    published_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO authors (name)
SELECT unnest(ARRAY['Ada Lovelace', 'Grace Hopper', 'Edgar Codd', 'Frances Allen', 'Donald Knuth', 'Jim Gray'])
WHERE NOT EXISTS (SELECT FROM authors);
INSERT INTO articles (author_id, title, views)
SELECT 1 + number % 6, 'Article ' || number, number * 7 FROM generate_series(1, 12) AS number
WHERE NOT EXISTS (SELECT FROM articles);
"""

ENTRY = '''
"""Articles and their authors; some of it done as it should not be."""

from urllib.parse import parse_qs, urlsplit

import psycopg
from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        url = urlsplit(request.url)
        options = {name: values[0] for name, values in parse_qs(url.query).items()}
        with psycopg.connect(self.env.HYPERDRIVE.connectionString, autocommit=True) as db:
            run = getattr(self, url.path.strip("/").replace("-", "_") or "articles", None)
            if run is None:
                return Response("Not found\\n", status=404)
            return Response.json(run(db, **options))

    def articles(self, db):
        """One query more for each article."""
        rows = db.execute("SELECT id, author_id, title FROM articles WHERE views >= %s ORDER BY id", (0,))
        return [
            [title, db.execute("SELECT name FROM authors WHERE id = %s", (author,)).fetchone()[0]]
            for _, author, title in rows.fetchall()
        ]

    def joined(self, db):
        """The same with one query."""
        sql = """
            SELECT a.title, b.name FROM articles a JOIN authors b ON b.id = a.author_id
            WHERE a.views > %s ORDER BY a.views DESC LIMIT 5
        """
        return db.execute(sql, (10,)).fetchall()

    def recent(self, db):
        sql = "SELECT title FROM articles WHERE published_at > now() - interval '1 day' LIMIT 3"
        return db.execute(sql).fetchall()

    def comment(self, db):
        return db.execute("SELECT title /* as of NOW() */ FROM articles ORDER BY id LIMIT 1").fetchall()

    def view(self, db, id="1"):
        """Reads back from the cache what it has just changed."""
        read = "SELECT views FROM articles WHERE id = %s"
        db.execute(read, (int(id),)).fetchone()
        db.execute("UPDATE articles SET views = views + 1 WHERE id = %s", (int(id),))
        return db.execute(read, (int(id),)).fetchone()

    def transfer(self, db):
        with db.transaction():
            db.execute("SELECT id FROM articles WHERE author_id = 1 FOR UPDATE")
            db.execute("UPDATE articles SET views = views + 1 WHERE author_id = 1")
        return "done"

    def sleep(self, db, seconds="0.2"):
        return db.execute("SELECT pg_sleep(%s)", (float(seconds),)).rowcount

    def fails(self, db):
        try:
            db.execute("SELECT nonsense FROM articles")
        except psycopg.Error as error:
            return str(error)

    def markup(self, db):
        text = "<script>document.title = 'hacked'</script><img src=x onerror=alert(1)>"
        literal = text.replace("'", "''")
        return db.execute(f"SELECT '{literal}' AS \\"<b>bold</b>\\", %s::text", (text,)).fetchall()

    def long(self, db, where):
        text = "x" * 70_000
        if where == "sql":
            return db.execute(f"SELECT length('{text}')").fetchone()
        return db.execute("SELECT length(%s)", (text,)).fetchone()

    def many(self, db, count="5000"):
        with db.pipeline():
            for number in range(int(count)):
                db.execute(f"SELECT {number % 1000} AS number")
        return count
'''

_CONFIG = """
name = "shop"
main = "src/entry.py"
compatibility_date = "2026-09-08"
compatibility_flags = ["python_workers"]

[[hyperdrive]]
binding = "HYPERDRIVE"
id = "{id}"
"""


def write_shop(root: Path, *, config_id: str = "0" * 32) -> Path:
    """The project, in the folder `root`."""
    (root / "src").mkdir(parents=True, exist_ok=True)
    (root / "src" / "entry.py").write_text(ENTRY.lstrip())
    (root / "schema.sql").write_text(SCHEMA.lstrip())
    (root / "wrangler.toml").write_text(_CONFIG.format(id=config_id).lstrip())
    return root
