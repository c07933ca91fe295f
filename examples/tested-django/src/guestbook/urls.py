from django.http import JsonResponse
from django.urls import path

from guestbook import views

urlpatterns = [path("", views.guests)]


def handler404(request, exception):
    return JsonResponse({"error": "Not found"}, status=404)
