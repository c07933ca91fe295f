from workers import File, Response, WorkerEntrypoint

PAGE = """<!doctype html>
<html lang="en">
<title>Form</title>
<form method="post" enctype="multipart/form-data">
  <p><label>Name <input name="name" required></label>
  <p><label>Notes <input name="notes" type="file"></label>
  <p><button>Send</button>
</form>
</html>
"""


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        if request.method != "POST":
            return Response(PAGE, headers={"content-type": "text/html; charset=utf-8"})
        content_type = request.headers.get("content-type", "")
        if "form" not in content_type:
            return Response(f"A form is wanted, not {content_type or 'nothing'}\n", status=415)
        fields = {}
        for name, value in (await request.form_data()).items():
            if isinstance(value, File):
                value = {"file": value.name, "bytes": len(await value.bytes())}
            fields[name] = value
        return Response.json(fields)
