"""The content type of a file, by its suffix: wrangler's choices, which differ from those of `mimetypes`.

Suffixes that are not listed here are looked up in `mimetypes`, without the system's own files, so that the answer
is the same on every machine.
"""

from __future__ import annotations

import mimetypes

_TABLE = """
    application/atom+xml atom
    application/dash+xml mpd
    application/epub+zip epub
    application/geo+json geojson
    application/gpx+xml gpx
    application/gzip gz
    application/java-archive jar
    application/json json map
    application/json5 json5
    application/ld+json jsonld
    application/manifest+json webmanifest
    application/mathml+xml mathml
    application/msword doc
    application/node cjs
    application/octet-stream bin deb dll dmg exe iso msi
    application/pdf pdf
    application/pgp-keys asc
    application/pgp-signature sig
    application/pkix-cert cer
    application/postscript ai eps ps
    application/rdf+xml rdf
    application/rss+xml rss
    application/rtf rtf
    application/sql sql
    application/toml toml
    application/vnd.android.package-archive apk
    application/vnd.apple.keynote key
    application/vnd.apple.mpegurl m3u8
    application/vnd.google-earth.kml+xml kml
    application/vnd.google-earth.kmz kmz
    application/vnd.ms-excel xls
    application/vnd.ms-fontobject eot
    application/vnd.ms-powerpoint ppt
    application/vnd.oasis.opendocument.presentation odp
    application/vnd.oasis.opendocument.spreadsheet ods
    application/vnd.oasis.opendocument.text odt
    application/vnd.openxmlformats-officedocument.presentationml.presentation pptx
    application/vnd.openxmlformats-officedocument.spreadsheetml.sheet xlsx
    application/vnd.openxmlformats-officedocument.wordprocessingml.document docx
    application/vnd.rar rar
    application/wasm wasm
    application/x-7z-compressed 7z
    application/x-bittorrent torrent
    application/x-bzip2 bz2
    application/x-httpd-php php
    application/x-perl pl
    application/x-pkcs12 p12
    application/x-redhat-package-manager rpm
    application/x-sh sh
    application/x-shockwave-flash swf
    application/x-subrip srt
    application/x-tar tar
    application/x-tex tex
    application/x-web-app-manifest+json webapp
    application/x-x509-ca-cert crt pem
    application/xhtml+xml xht xhtml
    application/xml xml xsd xsl
    application/xml-dtd dtd
    application/xslt+xml xslt
    application/zip zip
    audio/aac aac
    audio/midi mid midi
    audio/mp4 m4a
    audio/mpeg mp3
    audio/ogg oga ogg opus
    audio/wav wav
    audio/x-flac flac
    font/otf otf
    font/ttf ttf
    font/woff woff
    font/woff2 woff2
    image/apng apng
    image/avif avif
    image/bmp bmp
    image/gif gif
    image/heic heic
    image/jpeg jpeg jpg
    image/jxl jxl
    image/ktx2 ktx2
    image/png png
    image/svg+xml svg
    image/tiff tif tiff
    image/vnd.adobe.photoshop psd
    image/vnd.microsoft.icon ico
    image/webp webp
    message/rfc822 mhtml
    model/gltf+json gltf
    model/gltf-binary glb
    model/obj obj
    model/stl stl
    model/vnd.usdz+zip usdz
    text/cache-manifest appcache manifest
    text/calendar ics
    text/css css
    text/csv csv
    text/html htm html shtml
    text/javascript js mjs
    text/jsx jsx
    text/less less
    text/markdown markdown md
    text/mdx mdx
    text/plain conf ini log text txt
    text/tab-separated-values tsv
    text/vtt vtt
    text/wgsl wgsl
    text/x-c c h
    text/x-component htc
    text/x-handlebars-template hbs
    text/x-java-source java
    text/x-lua lua
    text/x-sass sass
    text/x-scss scss
    text/x-vcard vcf
    text/yaml yaml yml
    video/3gpp 3gp
    video/mp2t ts
    video/mp4 mp4
    video/mpeg mpeg mpg
    video/ogg ogv
    video/quicktime mov
    video/webm webm
    video/x-m4v m4v
    video/x-msvideo avi
"""
_KNOWN = {
    suffix: content_type
    for content_type, *suffixes in (line.split() for line in _TABLE.strip().splitlines())
    for suffix in suffixes
}
_UNKNOWN = frozenset(
    """
    tgz py rb tsx vue sqlite db topojson parquet avro proto graphql cur icns ndjson jsonl cbor msgpack br zst
    r bib ejs pug jsonc properties patch diff lock glsl
    """.split()  # noqa: SIM905
)
"""Suffixes that `mimetypes` has a type for, or may get one, and wrangler has not."""
_OTHERS = mimetypes.MimeTypes(filenames=()).types_map[True]


def content_type_of(name: str) -> str | None:
    """The value of Content-Type for a file called `name`; None if its suffix is unknown or it has none."""
    stem, dot, suffix = name.lower().rpartition(".")
    if not dot or not stem or suffix in _UNKNOWN:
        return None
    content_type = _KNOWN.get(suffix) or _OTHERS.get(f".{suffix}")
    if content_type is not None and content_type.startswith("text/"):
        return f"{content_type}; charset=utf-8"
    return content_type
