INSTALLED_APPS = ["guestbook"]
MIDDLEWARE = []
ROOT_URLCONF = "guestbook.urls"
ALLOWED_HOSTS = ["*"]  # Cloudflare sends only requests for the Worker's own names
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# An exception reaches the Worker's logs, instead of ending in a page of Django's.
DEBUG_PROPAGATE_EXCEPTIONS = True

DATABASES = {
    "default": {
        "ENGINE": "hyperdrive",
        "NAME": "hyperdrive",  # the engine in src/hyperdrive asks for the connection
        # A connection belongs to one request. Opening it is quick: Hyperdrive keeps the pool.
        "CONN_MAX_AGE": 0,
        # Hyperdrive hands its connections round after each transaction: a cursor at the server would be lost.
        "DISABLE_SERVER_SIDE_CURSORS": True,
    }
}
