import json

from django.db import IntegrityError, OperationalError
from django.http import JsonResponse

from guestbook.models import Guest


def guests(request):
    try:
        if request.method == "POST":
            return sign(request.body)
        # Outside of transactions (atomic), Hyperdrive can answer a query from its cache.
        found = Guest.objects.order_by("-signed_at", "name")[:100]
        return JsonResponse({"guests": [guest.as_json() for guest in found]})
    except OperationalError as error:
        print(f"Database error: {error}")
        return JsonResponse({"error": "The database is not available"}, status=503)


def sign(body):
    try:
        name = json.loads(body)["name"].strip()
    except (ValueError, TypeError, KeyError, AttributeError):
        name = ""
    if not name:
        return JsonResponse({"error": 'Send {"name": "..."}'}, status=400)
    try:
        guest = Guest.objects.create(name=name)
    except IntegrityError:
        return JsonResponse({"error": f"{name} has signed already"}, status=409)
    return JsonResponse({"guest": guest.as_json()}, status=201)
