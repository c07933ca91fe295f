from django.db import migrations, models
from django.db.models.functions import Now

NAMES = ["Ada Lovelace", "Grace Hopper", "Michael Stonebraker"]


def sign(apps, schema_editor):
    Guest = apps.get_model("guestbook", "Guest")
    Guest.objects.bulk_create(Guest(name=name) for name in NAMES)


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="Guest",
            fields=[
                ("name", models.TextField(primary_key=True, serialize=False)),
                ("signed_at", models.DateTimeField(db_default=Now())),
            ],
            options={"db_table": "guests"},
        ),
        migrations.RunPython(sign, migrations.RunPython.noop),
    ]
