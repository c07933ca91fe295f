import json

from django.test import TestCase

from guestbook.models import Guest


class GuestBook(TestCase):
    def sign(self, name):
        return self.client.post("/", json.dumps({"name": name}), "application/json")

    def test_the_list(self):
        with self.assertNumQueries(1):
            guests = self.client.get("/").json()["guests"]
        self.assertIn("Ada Lovelace", [guest["name"] for guest in guests])

    def test_a_guest_signs(self):
        self.assertEqual(self.sign("Edgar Codd").status_code, 201)
        self.assertTrue(Guest.objects.filter(name="Edgar Codd").exists())

    def test_a_name_is_needed(self):
        self.assertEqual(self.sign(" ").status_code, 400)
