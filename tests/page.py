"""A browser without a window: follows links and fills in forms by their labels, as a person would, over Flask's test client."""

from __future__ import annotations

import contextvars
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, has_app_context
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from models import db

VOID = {"input", "br", "img", "meta", "link", "hr", "use", "path", "circle", "rect", "line"}


class Element:
    """One tag with what is inside it."""

    def __init__(self, tag: str, attributes: dict[str, str], parent: Element | None) -> None:
        self.tag, self.attributes, self.parent = tag, attributes, parent
        self.children: list[Element | str] = []

    def __getitem__(self, name: str) -> str:
        return self.attributes.get(name, "")

    @property
    def text(self) -> str:
        parts = [child if isinstance(child, str) else child.text for child in self.children]
        return " ".join(" ".join(parts).split())

    def all(self, tag: str = "", **attributes: str) -> list[Element]:
        """Every element below this one with that tag and those attributes (class_ for class; a class matches one of many)."""
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        found = []
        for child in self.children:
            if isinstance(child, Element):
                if (not tag or child.tag == tag) and all(child._has(name, value) for name, value in wanted.items()):
                    found.append(child)
                found += child.all(tag, **attributes)
        return found

    def first(self, tag: str = "", **attributes: str) -> Element:
        found = self.all(tag, **attributes)
        assert found, f"no <{tag}> with {attributes} in: {self.text[:600]}"
        return found[0]

    def _has(self, name: str, value: str) -> bool:
        if name == "class":
            return value in self.attributes.get("class", "").split()
        return self.attributes.get(name) == value


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = self.here = Element("root", {}, None)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value if value is not None else "" for name, value in attrs}, self.here)
        self.here.children.append(element)
        if tag not in VOID:
            self.here = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.here.children.append(Element(tag, {name: value or "" for name, value in attrs}, self.here))

    def handle_endtag(self, tag: str) -> None:
        node: Element | None = self.here
        while node and node.tag != tag:
            node = node.parent
        if node and node.parent:
            self.here = node.parent

    def handle_data(self, data: str) -> None:
        self.here.children.append(data)


def parse(html: str) -> Element:
    parser = _Parser()
    parser.feed(html)
    return parser.root


class Client(FlaskClient):
    """Requests in a context of their own, as on a server; the test's own transaction ends first, so that nobody waits for it."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        if has_app_context():
            db.session.rollback()
        return contextvars.Context().run(super().open, *args, **kwargs)


class Browser:
    """Signed-in or not; keeps the last page in `page` and its status in `status`."""

    def __init__(self, app: Flask) -> None:
        app.test_client_class = Client
        self.client = app.test_client()
        self.page = Element("root", {}, None)
        self.status = 0
        self.path = "/"
        self.html = ""

    def sign_in(self, user: Any, password: str) -> Browser:
        self.open("/login")
        self.submit("Sign in", E_mail=user if isinstance(user, str) else user.email, Password=password)
        assert self.status == 200, self.page.text[:400]
        return self

    def open(self, path: str, **headers: str) -> Element:
        return self._take(self.client.get(path, follow_redirects=True, headers=_headers(headers)))

    def htmx(self, path: str) -> Element:
        return self.open(path, HX_Request="true")

    def post(self, path: str, data: dict[str, Any], htmx: bool = False) -> Element:
        """A post with the form token of the current page."""
        token = self.page.all("input", name="csrf_token") or self.page.all("meta", name="csrf-token")
        values = {"csrf_token": (token[0]["value"] or token[0]["content"]) if token else ""} | data
        headers = {"HX-Request": "true"} if htmx else {}
        return self._take(self.client.post(path, data=values, follow_redirects=True, headers=headers))

    def link(self, text: str) -> Element:
        found = [a for a in self.page.all("a") if text in (a.text, a["aria-label"])]
        assert found, f"no link {text!r} among {[a.text for a in self.page.all('a')]}"
        return self.open(found[0]["href"])

    def submit(self, button: str, **fields: Any) -> Element:
        """Presses the button with that name, in the form it stands in, with these fields (by label or name) filled in."""
        pressed = self._button(button)
        form = self._form_of(pressed)
        values = self._values(form)
        for label, value in fields.items():
            values[self._name_of(form, label)] = value
        if pressed["name"]:
            values[pressed["name"]] = pressed["value"]
        action = pressed["formaction"] or form["action"] or self.path
        if (form["method"] or "get").lower() == "post":
            multipart = form["enctype"] == "multipart/form-data"
            kind = {"content_type": "multipart/form-data"} if multipart else {}
            return self._take(self.client.post(action, data=values, follow_redirects=True, **kind))
        return self._take(self.client.get(action, query_string=values, follow_redirects=True))

    def _button(self, name: str) -> Element:
        buttons = [b for b in self.page.all("button") if name in (b.text, b["aria-label"])]
        assert buttons, f"no button {name!r} among {[b['aria-label'] or b.text for b in self.page.all('button')]}"
        return buttons[0]

    def _form_of(self, element: Element) -> Element:
        if element["form"]:
            return self.page.first("form", id=element["form"])
        node: Element | None = element
        while node and node.tag != "form":
            node = node.parent
        assert node is not None, f"the button {element.text!r} stands in no form"
        return node

    def _controls(self, form: Element) -> list[Element]:
        inside = [c for tag in ("input", "select", "textarea") for c in form.all(tag)]
        outside = [c for tag in ("input", "select", "textarea") for c in self.page.all(tag, form=form["id"])] if form["id"] else []
        return inside + [c for c in outside if c not in inside]

    def _values(self, form: Element) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for control in self._controls(form):
            name = control["name"]
            if not name or "disabled" in control.attributes:
                continue
            if control.tag == "input" and control["type"] in ("checkbox", "radio"):
                if "checked" in control.attributes:
                    values.setdefault(name, []) if control["type"] == "checkbox" else None
                    if control["type"] == "checkbox":
                        values[name].append(control["value"] or "on")
                    else:
                        values[name] = control["value"]
            elif control.tag == "select":
                options = control.all("option")
                chosen = [o for o in options if "selected" in o.attributes] or options[:1]
                if chosen:
                    values[name] = chosen[0]["value"] if "value" in chosen[0].attributes else chosen[0].text
            elif control.tag == "textarea":
                values[name] = control.text
            elif control["type"] not in ("submit", "button", "file"):
                values[name] = control["value"]
        return values

    def _name_of(self, form: Element, label: str) -> str:
        spoken = label.replace("_", " ").replace("E mail", "E-mail")
        for tag in self.page.all("label"):
            if tag.text == spoken:
                for control in self._controls(form):
                    if control["id"] == tag["for"]:
                        return control["name"]
        for control in self._controls(form):
            if control["name"] == label or control["aria-label"] == spoken:
                return control["name"]
        raise AssertionError(f"no field {spoken!r} among {[t.text for t in self.page.all('label')]}")

    def _take(self, response: TestResponse) -> Element:
        self.status = response.status_code
        self.html = response.get_data(as_text=True)
        self.headers = response.headers
        if response.request is not None:
            parts = urlsplit(response.request.url)
            self.path = parts.path + ("?" + parts.query if parts.query else "")
        self.page = parse(self.html)
        return self.page


def _headers(values: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in values.items()}
