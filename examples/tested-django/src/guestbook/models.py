from django.db import models
from django.db.models.functions import Now


class Guest(models.Model):
    name = models.TextField(primary_key=True)
    signed_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "guests"

    def as_json(self):
        return {"name": self.name, "signed_at": self.signed_at.isoformat()}
