import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guestbook.settings")
# Python Workers run a WSGI application on their event loop, where Django refuses the database otherwise.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

from django.core.wsgi import get_wsgi_application
from workers import WorkerEntrypoint, wsgi

application = get_wsgi_application()


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return await wsgi.fetch(application, request, self.env)
