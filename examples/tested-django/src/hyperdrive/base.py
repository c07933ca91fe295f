"""Django's PostgreSQL engine, which asks for its connection when it connects.

In a Worker that is the binding HYPERDRIVE of the request; elsewhere, for manage.py, the variable DATABASE_URL.
"""

import os

from django.core.exceptions import ImproperlyConfigured
from django.db.backends.postgresql import base
from psycopg.conninfo import conninfo_to_dict

NAME = "hyperdrive"
"""In the settings, stands for the database of the connection string."""


class DatabaseWrapper(base.DatabaseWrapper):
    def get_connection_params(self):
        parameters = super().get_connection_params()
        connection = conninfo_to_dict(connection_string())
        if self.settings_dict["NAME"] != NAME:  # the test runner's own database, or `postgres` in order to make it
            connection["dbname"] = parameters["dbname"]
        return {**parameters, **connection}

    def _configure_timezone(self, connection):
        """Leaves the time zone alone: Hyperdrive would reset it, and timestamps come with their offset."""
        return False


def connection_string():
    if url := os.environ.get("DATABASE_URL"):
        return url
    try:
        from workers import env
    except ImportError:
        command = "wrangler-py hyperdrive exec -- python src/manage.py"
        raise ImproperlyConfigured(f"Set DATABASE_URL, or run this as: {command} ...") from None
    return env.HYPERDRIVE.connectionString
