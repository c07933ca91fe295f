from html import escape


def greet(name):
    return f"Hello, {escape(name)}!"
