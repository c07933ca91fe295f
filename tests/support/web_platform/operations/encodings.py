"""Text encodings, base64, percent-encoding, digests and keys."""

from __future__ import annotations

_LABELS = [
    "utf-8",
    "UTF8",
    " utf-8 ",
    "unicode-1-1-utf-8",
    "latin1",
    "iso-8859-1",
    "ascii",
    "windows-1252",
    "utf-16le",
    "utf-16",
    "utf-16be",
    "shift_jis",
    "sjis",
    "gbk",
    "gb18030",
    "euc-kr",
    "big5",
    "koi8-r",
    "macintosh",
    "x-user-defined",
    "nonsense",
    "utf-7",
    "",
    "iso-8859-8-i",
    "iso-8859-15",
]
_BYTES = [
    rb"abc",
    rb"\xc3\xbc",
    rb"\xff",
    rb"\xc3",
    rb"a\xe2\x82",
    rb"\xef\xbb\xbfx",
    rb"\xed\xa0\x80",
    rb"\xf0\x9f\x98\x80",
    rb"",
    rb"\x80abc",
    rb"\xf4\x90\x80\x80",
    rb"\xc0\xaf",
]
_TEXT = [f"u8(b'{piece.decode()}')" for piece in _BYTES]
_BASE64 = ["", "a", "hello", "ÿ", "ü", "Ā", "😀", "\x00"]
_ENCODED = [
    "aGVsbG8=",
    "aGVsbG8",
    "aGVsbG8==",
    " aGVs bG8= ",
    "a",
    "ab",
    "abc",
    "a===",
    "-_",
    "@",
    "",
    "ü",
    "aGVsbG9=",
    "=",
    "YQ==",
]
_COMPONENTS = ["a b", "ü/?&=", "😀", "~!*()'", "a+b", "%", "https://e.com/a b?c=ü#d", ";,/?:@&=+$"]
_DECODED = ["a%20b", "%C3%BC", "%", "%zz", "%ff", "a+b", "%2F%3f", "%F0%9F%98%80", "%C3"]
_KEY = "await crypto.subtle.importKey('raw', u8(b'0123456789abcdef'), {}, {}, arr({}))"


def _key(algorithm: str, extractable: str, usages: str) -> str:
    return _KEY.format(algorithm, extractable, usages)


_HMAC = f"k = {_key('obj(name=%r, hash=%r)' % ('HMAC', 'SHA-256'), 'True', repr('sign') + ', ' + repr('verify'))}\n"  # noqa: UP031
_AES = "k = await crypto.subtle.importKey('raw', u8(b'0123456789abcdef'), {!r}, True, arr('encrypt', 'decrypt'))\n"

_RSA = "hash='SHA-256', modulusLength=2048, publicExponent=u8(b'\\x01\\x00\\x01')"
_PAIRS = [
    ("obj(name='ECDSA', namedCurve='P-256')", "obj(name='ECDSA', hash='SHA-256')"),
    ("obj(name='ECDSA', namedCurve='P-384')", "obj(name='ECDSA', hash='SHA-384')"),
    (f"obj(name='RSASSA-PKCS1-v1_5', {_RSA})", "'RSASSA-PKCS1-v1_5'"),
    (f"obj(name='RSA-PSS', {_RSA})", "obj(name='RSA-PSS', saltLength=32)"),
    ("obj(name='Ed25519')", "'Ed25519'"),
]
_SINGLE_BYTE = [
    "ibm866", "iso-8859-2", "iso-8859-3", "iso-8859-4", "iso-8859-5", "iso-8859-6", "iso-8859-7", "iso-8859-8",
    "iso-8859-8-i", "iso-8859-10", "iso-8859-13", "iso-8859-14", "iso-8859-15", "iso-8859-16", "koi8-r", "koi8-u",
    "macintosh", "windows-874", "windows-1250", "windows-1251", "windows-1252", "windows-1254", "windows-1256",
    "windows-1258", "x-mac-cyrillic", "x-user-defined",
]  # fmt: skip

OPERATIONS: list[str] = [
    *(f"TextDecoder.new({name!r}).decode(u8({bytes(range(128, 256))!r}))" for name in _SINGLE_BYTE),
    "TextDecoder.new('windows-1252', fatal=True).decode(u8(b'\\x81'))",
    "TextDecoder.new('windows-1255', fatal=True).decode(u8(b'\\xff'))",
    *(f"TextDecoder.new({name!r}).decode(u8(b'\\x80\\xc4\\xe3'))" for name in ("gbk", "gb18030")),
    *(f"TextDecoder.new({label!r}).encoding" for label in _LABELS),
    *(f"TextDecoder.new().decode({piece})" for piece in _TEXT),
    *(f"TextDecoder.new('utf-8', fatal=True).decode({piece})" for piece in _TEXT),
    *(f"TextDecoder.new('utf-8', ignoreBOM=True).decode({piece})" for piece in _TEXT[:6]),
    *(
        f"TextDecoder.new({label!r}).decode(u8(b'a\\xe4\\x80\\x41'))"
        for label in ("latin1", "utf-16le", "utf-16be", "koi8-r")
    ),
    "TextDecoder.new('shift_jis').decode(u8(b'\\x93\\xfa\\x96\\x7b'))",
    "d = TextDecoder.new()\narr(d.decode(u8(b'\\xc3'), stream=True), d.decode(u8(b'\\xbc'), stream=True), d.decode())",
    "d = TextDecoder.new()\narr(d.decode(u8(b'\\xc3'), stream=True), d.decode())",
    "d = TextDecoder.new('utf-8', fatal=True)\narr(d.decode(u8(b'\\xc3'), stream=True), d.decode())",
    "d = TextDecoder.new()\narr(d.decode(u8(b'\\xef\\xbb'), stream=True), d.decode(u8(b'\\xbfx'), stream=True), d.decode())",
    "d = TextDecoder.new('utf-8', fatal=True, ignoreBOM=True)\narr(d.encoding, d.fatal, d.ignoreBOM)",
    "TextDecoder.new().decode()",
    "TextDecoder.new().decode('text')",
    "TextDecoder.new().decode(u8(b'abc').buffer)",
    "TextDecoder.new().decode(DataView.new(u8(b'abc').buffer, 1))",
    "TextEncoder.new().encode('ü😀')",
    "TextEncoder.new().encode()",
    "TextEncoder.new().encode(5)",
    "TextEncoder.new().encode(null)",
    "TextEncoder.new().encoding",
    "a = Uint8Array.new(3)\nr = TextEncoder.new().encodeInto('aüb', a)\narr(r.read, r.written, a)",
    "a = Uint8Array.new(2)\nr = TextEncoder.new().encodeInto('a😀b', a)\narr(r.read, r.written, a)",
    *(f"btoa({text!r})" for text in _BASE64),
    *(f"atob({text!r})" for text in _ENCODED),
    "btoa(null)",
    "btoa(5)",
    "btoa()",
    "atob(null)",
    *(f"encodeURIComponent({text!r})" for text in _COMPONENTS),
    *(f"encodeURI({text!r})" for text in _COMPONENTS),
    *(f"escape({text!r})" for text in _COMPONENTS[:3]),
    *(f"decodeURIComponent({text!r})" for text in _DECODED),
    *(f"decodeURI({text!r})" for text in _DECODED),
    *(
        f"await crypto.subtle.digest({name!r}, u8(b'abc'))"
        for name in ("SHA-1", "SHA-256", "sha-256", "SHA-384", "SHA-512", "MD5", "SHA3", "")
    ),
    "await crypto.subtle.digest(obj(name='SHA-256'), u8(b'abc').buffer)",
    "await crypto.subtle.digest('SHA-256', 'text')",
    _HMAC + "await crypto.subtle.sign('HMAC', k, u8(b'data'))",
    _HMAC
    + "s = await crypto.subtle.sign('HMAC', k, u8(b'data'))\narr(await crypto.subtle.verify('HMAC', k, s, u8(b'data')), await crypto.subtle.verify('HMAC', k, s, u8(b'date')))",
    _HMAC + "arr(k.type, k.extractable, k.algorithm.name, k.usages)",
    _HMAC + "await crypto.subtle.exportKey('raw', k)",
    _HMAC + "(await crypto.subtle.exportKey('jwk', k)).k",
    _HMAC + "await crypto.subtle.encrypt('HMAC', k, u8(b'data'))",
    _HMAC + "await crypto.subtle.sign('AES-GCM', k, u8(b'data'))",
    "await crypto.subtle.importKey('raw', u8(b'abc'), 'AES-GCM', True, arr('encrypt'))",
    "await crypto.subtle.importKey('raw', u8(b'0123456789abcdef'), 'NOPE', True, arr('encrypt'))",
    "await crypto.subtle.importKey('raw', u8(b'0123456789abcdef'), 'AES-GCM', True, arr('sign'))",
    "k = await crypto.subtle.importKey('raw', u8(b'0123456789abcdef'), 'AES-GCM', False, arr('encrypt'))\nawait crypto.subtle.exportKey('raw', k)",
    "k = await crypto.subtle.importKey('raw', u8(b'0123456789abcdef'), 'AES-GCM', False, arr('decrypt'))\nawait crypto.subtle.encrypt(obj(name='AES-GCM', iv=Uint8Array.new(12)), k, u8(b'x'))",
    _AES.format("AES-GCM")
    + "await crypto.subtle.encrypt(obj(name='AES-GCM', iv=Uint8Array.new(12)), k, u8(b'data'))",
    _AES.format("AES-GCM")
    + "await crypto.subtle.encrypt(obj(name='AES-GCM', iv=Uint8Array.new(12), additionalData=u8(b'more'), tagLength=96), k, u8(b'data'))",
    _AES.format("AES-GCM")
    + "c = await crypto.subtle.encrypt(obj(name='AES-GCM', iv=Uint8Array.new(12)), k, u8(b'data'))\n"
    "await crypto.subtle.decrypt(obj(name='AES-GCM', iv=Uint8Array.new(12)), k, c)",
    _AES.format("AES-GCM")
    + "await crypto.subtle.decrypt(obj(name='AES-GCM', iv=Uint8Array.new(12)), k, Uint8Array.new(20))",
    _AES.format("AES-CBC")
    + "await crypto.subtle.encrypt(obj(name='AES-CBC', iv=Uint8Array.new(16)), k, u8(b'data'))",
    _AES.format("AES-CBC")
    + "c = await crypto.subtle.encrypt(obj(name='AES-CBC', iv=Uint8Array.new(16)), k, u8(b'data'))\n"
    "await crypto.subtle.decrypt(obj(name='AES-CBC', iv=Uint8Array.new(16)), k, c)",
    _AES.format("AES-CTR")
    + "await crypto.subtle.encrypt(obj(name='AES-CTR', counter=Uint8Array.new(16), length=64), k, u8(b'data'))",
    "k = await crypto.subtle.importKey('raw', u8(b'password'), 'PBKDF2', False, arr('deriveBits'))\n"
    "await crypto.subtle.deriveBits(obj(name='PBKDF2', hash='SHA-256', salt=u8(b'salt'), iterations=1000), k, 256)",
    "k = await crypto.subtle.importKey('raw', u8(b'secret'), 'HKDF', False, arr('deriveBits'))\n"
    "await crypto.subtle.deriveBits(obj(name='HKDF', hash='SHA-256', salt=u8(b'salt'), info=u8(b'info')), k, 256)",
    "k = await crypto.subtle.generateKey(obj(name='HMAC', hash='SHA-512'), True, arr('sign'))\narr(k.type, k.algorithm.length, k.usages)",
    "k = await crypto.subtle.generateKey(obj(name='AES-GCM', length=256), True, arr('encrypt'))\n(await crypto.subtle.exportKey('raw', k)).byteLength",
    "d = crypto.DigestStream.new('SHA-256')\nw = d.getWriter()\nawait w.write(u8(b'abc'))\nawait w.close()\nawait d.digest",
    "crypto.DigestStream.new('NOPE')",
    *(
        f"p = await crypto.subtle.generateKey({algorithm}, True, arr('sign', 'verify'))\n"
        f"s = await crypto.subtle.sign({signing}, p.privateKey, u8(b'data'))\n"
        f"arr(p.publicKey.type, p.privateKey.type, p.publicKey.usages, p.privateKey.usages, s.byteLength, "
        f"await crypto.subtle.verify({signing}, p.publicKey, s, u8(b'data')), "
        f"await crypto.subtle.verify({signing}, p.publicKey, s, u8(b'date')), "
        f"Object.keys(JSON.parse(JSON.stringify(await crypto.subtle.exportKey('jwk', p.publicKey)))).sort())"
        for algorithm, signing in _PAIRS
    ),
    *(
        f"p = await crypto.subtle.generateKey({algorithm}, True, arr('sign', 'verify'))\n"
        f"d = await crypto.subtle.exportKey({kind!r}, p.{which})\n"
        f"k = await crypto.subtle.importKey({kind!r}, d, {algorithm}, True, arr({usage!r}))\n"
        "arr(k.type, k.algorithm.name, k.usages)"
        for algorithm, _ in _PAIRS
        for kind, which, usage in (
            ("spki", "publicKey", "verify"),
            ("pkcs8", "privateKey", "sign"),
            ("jwk", "privateKey", "sign"),
        )
    ),
    "p = await crypto.subtle.generateKey(obj(name='ECDSA', namedCurve='P-256'), False, arr('sign'))\n"
    "await crypto.subtle.exportKey('pkcs8', p.privateKey)",
    "await crypto.subtle.generateKey(obj(name='ECDSA', namedCurve='P-1'), True, arr('sign'))",
    "await crypto.subtle.generateKey(obj(name='ECDSA', namedCurve='P-256'), True, arr('encrypt'))",
    "await crypto.subtle.generateKey(obj(name='ECDSA', namedCurve='P-256'), True, arr())",
    "await crypto.subtle.importKey('spki', u8(b'nonsense'), obj(name='ECDSA', namedCurve='P-256'), True, arr('verify'))",
    "p = await crypto.subtle.generateKey(obj(name='RSA-OAEP', hash='SHA-256', modulusLength=2048, "
    "publicExponent=u8(b'\\x01\\x00\\x01')), True, arr('encrypt', 'decrypt'))\n"
    "c = await crypto.subtle.encrypt('RSA-OAEP', p.publicKey, u8(b'data'))\n"
    "arr(c.byteLength, await crypto.subtle.decrypt('RSA-OAEP', p.privateKey, c))",
    "k = await crypto.subtle.generateKey(obj(name='AES-KW', length=128), True, arr('wrapKey', 'unwrapKey'))\n"
    "h = await crypto.subtle.generateKey(obj(name='AES-GCM', length=128), True, arr('encrypt'))\n"
    "w = await crypto.subtle.wrapKey('raw', h, k, 'AES-KW')\n"
    "u = await crypto.subtle.unwrapKey('raw', w, k, 'AES-KW', 'AES-GCM', True, arr('encrypt'))\n"
    "arr(w.byteLength, u.algorithm.length, u.usages)",
    "k = await crypto.subtle.importKey('raw', u8(b'password'), 'PBKDF2', False, arr('deriveKey'))\n"
    "d = await crypto.subtle.deriveKey(obj(name='PBKDF2', hash='SHA-256', salt=u8(b'salt'), iterations=10), k, "
    "obj(name='AES-GCM', length=256), True, arr('encrypt'))\nawait crypto.subtle.exportKey('raw', d)",
    "k = await crypto.subtle.importKey('raw', u8(b'password'), 'PBKDF2', False, arr('deriveBits'))\n"
    "await crypto.subtle.deriveBits(obj(name='PBKDF2', hash='SHA-256', salt=u8(b'salt'), iterations=100001), k, 256)",
    "k = await crypto.subtle.importKey('raw', u8(b'password'), 'PBKDF2', False, arr('deriveBits'))\n"
    "await crypto.subtle.deriveBits(obj(name='PBKDF2', hash='SHA-256', salt=u8(b'salt'), iterations=0), k, 256)",
    "crypto.subtle.timingSafeEqual(u8(b'abc'), u8(b'abc'))",
    "crypto.subtle.timingSafeEqual(u8(b'abc'), u8(b'abd'))",
    "crypto.subtle.timingSafeEqual(u8(b'abc'), u8(b'ab'))",
    "len(crypto.randomUUID())",
    "crypto.getRandomValues(Uint8Array.new(7)).length",
    "a = Uint32Array.new(2)\ncrypto.getRandomValues(a) == a",
    "crypto.getRandomValues(Float32Array.new(2))",
    "crypto.getRandomValues(Uint8Array.new(65537))",
]
