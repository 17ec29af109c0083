"""The pages of the door: sign in with a name and its password, with a link, or through a provider. No file but the page itself, no script needed."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from urllib.parse import quote

from dashboards.door.landing import landing_of
from warehouse.state import Principal, Scope

STYLE = """
:root { color-scheme: light dark; --page: #F4F5F7; --surface: #fff; --text: #15181E; --dim: #565F6D; --line: #DFE3E8;
  --accent: #0A62A8; --on: #fff }
@media (prefers-color-scheme: dark) {
  :root { --page: #0E1116; --surface: #151A21; --text: #E8EBEF; --dim: #9BA6B4; --line: #2A313B; --accent: #6DB5F2;
    --on: #0E1116 }
}
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 16px; background: var(--page);
  color: var(--text); font: 14px/22px Inter, system-ui, sans-serif }
main { width: 100%; max-width: 420px; background: var(--surface); border: 1px solid var(--line); border-radius: 8px;
  padding: 24px; overflow-wrap: anywhere }
h1 { margin: 0 0 8px; font-size: 22px; line-height: 30px; font-weight: 600 }
p { margin: 0 0 16px; color: var(--dim) }
p[role=alert] { color: var(--text); border-left: 3px solid var(--accent); padding-left: 12px }
label { display: block; margin-bottom: 4px } form { margin: 0 0 12px }
input { width: 100%; height: 36px; padding: 0 10px; margin-bottom: 12px; border: 1px solid var(--dim); border-radius: 6px;
  background: var(--page); color: inherit; font: inherit }
button, a.button { display: inline-block; height: 36px; line-height: 36px; padding: 0 16px; border: 0; border-radius: 6px;
  background: var(--accent); color: var(--on); font: inherit; line-height: 36px; font-weight: 600; cursor: pointer;
  text-decoration: none }
a.button + a.button { margin-top: 8px } button.plain, a.plain { background: none; color: var(--accent); border: 1px solid var(--line); line-height: 34px }
.providers { margin: 0 0 16px; display: grid; gap: 8px } .providers a { text-align: center }
details { border-top: 1px solid var(--line); padding-top: 12px; margin-top: 4px }
summary { cursor: pointer; color: var(--accent); min-height: 24px } details[open] summary { margin-bottom: 12px }
details p { margin-bottom: 0 }
a { color: var(--accent) } a.button:not(.plain) { color: var(--on) }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
code { font: 13px/20px ui-monospace, monospace }
@media (max-width: 767px) { input, button, a.button { height: 44px; line-height: 44px; font-size: 16px } a.plain { line-height: 42px } }
"""
KEEP_PLACE = (
    'if(location.hash){document.querySelectorAll("input[name=next]").forEach(function(each){each.value+=location.hash});'
    'document.querySelectorAll(".providers a[href*=next]").forEach(function(each){each.href+=encodeURIComponent(location.hash)})}'
)
"""The place on the page asked for, such as a chart, is known to the browser alone: it goes along through the door."""
SUBMIT = KEEP_PLACE + "document.forms[0].requestSubmit();"
"""Presses the button for those whose browser runs scripts. A link scanner that only fetches the page burns no link."""

NEW_LINK = (
    "For a new one, run <code>bin/roomleft token link</code> where Roomleft runs, or restart <code>bin/roomleft serve</code>: "
    "it prints a sign-in link. An administrator makes one for you at People. Programs use <code>bin/roomleft token add</code>."
)
SPENT = "This link has been used, has expired, or belongs to another Roomleft. A link works once."
WRONG = "This name and this password do not belong together, or the account cannot sign in."


def link_page(link: str, target: str, principal: Principal | None = None) -> str:
    """One button that redeems the link, and presses itself; but never for somebody who is signed in: they are told who they are, since the link may
    be somebody else's, sent to make them act in that person's name."""
    button = "<button>Sign in</button>" if principal is None else '<button class="plain">Sign in with this link instead</button>'
    redeem = f"""<form method="post" action="/sign-in"><input type="hidden" name="link" value="{escape(link)}">
{_next(target)}{button}</form>"""
    if principal is None:
        return _page("Sign in", f"<p>Your link works once, in this browser.</p>{redeem}", SUBMIT)
    who = escape(principal.display_name or principal.name)
    words = f"You are signed in as {who} already. A link makes you whoever it was made for: use it only if you know who that is."
    on = escape(target or landing_of(principal))
    return _page(
        "Sign in", f"""<p role="alert">{words}</p><p><a class="button" href="{on}">Stay {who}</a></p>{redeem}""", KEEP_PLACE
    )


def ask_page(
    target: str,
    trouble: str = "",
    *,
    passwords: bool = False,
    at_link: bool = False,
    name: str = "",
    providers: Sequence[tuple[str, str]] = (),
) -> str:
    """Whoever vouches for people here, name and password once anybody has one, and below, folded, a field for a link. Where nobody has a password the
    link is what remains. `trouble` says what was wrong with the last try."""
    alert = f'<p role="alert">{escape(trouble)}</p>' if trouble else ""
    asked = f"?next={quote(target, safe='')}" if target else ""
    kind = "button plain" if passwords else "button"
    vouched = "".join(
        f'<a class="{kind}" href="/sign-in/oidc/{quote(slug, safe="")}{escape(asked)}">Continue with {escape(title)}</a>'
        for slug, title in providers
    )
    others = f'<div class="providers">{vouched}</div>' if vouched else ""
    alone = not passwords and not vouched
    focus = "" if at_link or not passwords else " autofocus"
    by_password = (
        f"""<form method="post" action="/sign-in"><label for="name">Name</label>
<input id="name" name="name" required maxlength="200" autocomplete="username" autocapitalize="none" spellcheck="false" value="{escape(name)}"{"" if name else focus}>
<label for="password">Password</label>
<input id="password" name="password" type="password" required autocomplete="current-password"{focus if name else ""}>
{_next(target)}<button>Sign in</button></form>"""
        if passwords
        else ""
    )
    by_link = f"""<form method="post" action="/sign-in"><label for="link">Sign-in link</label>
<input id="link" name="link" required autocomplete="off" spellcheck="false"{" autofocus" if alone or at_link else ""}>
{_next(target)}<button{"" if alone else ' class="plain"'}>Sign in</button></form><p>{NEW_LINK}</p>"""
    if alone:
        words = "Open the sign-in link that Roomleft printed when it started, or paste it here."
        return _page("Sign in", f"{alert}<p>{words}</p>{by_link}", KEEP_PLACE)
    folded = (
        f"<details{' open' if at_link else ''}><summary>I have a sign-in link, or lost my password</summary>{by_link}</details>"
    )
    return _page("Sign in", f"{alert}{by_password}{others}{folded}", KEEP_PLACE)


def signed_in_page(principal: Principal, target: str) -> str:
    """Who is signed in, on to the pages, or out where there is a session to end."""
    out = f"""<form method="post" action="/sign-out"><input type="hidden" name="_csrf_token" value="{escape(principal.csrf or "")}">
<button class="plain">Sign out</button></form>"""
    return _page(
        "Signed in",
        f"""<p>You are signed in as {escape(principal.display_name or principal.name)}. <a href="{escape(target)}">Open Roomleft</a></p>
{out if principal.session is not None else ""}""",
    )


def refused_page(why: str, hint: str, principal: Principal) -> str:
    """To somebody who is signed in and may not open or do this: why, who they are here, and a way on."""
    who = escape(principal.display_name or principal.name)
    role = f", as {principal.role.value}" if principal.role is not None else ""
    on = landing_of(principal) if principal.may(Scope.READ) else "/sign-in"
    own = '<a class="button plain" href="/account">Your account</a>' if principal.role is not None else ""
    return _page(
        "Not for this role",
        f"""<p role="alert">{escape(why)}.</p><p>You are signed in as {who}{role}. {escape(hint)}.</p>
<p><a class="button" href="{escape(on)}">Open Roomleft</a> {own}</p>""",
    )


def _next(target: str) -> str:
    return f'<input type="hidden" name="next" value="{escape(target)}">' if target else ""


def _page(title: str, body: str, script: str = "") -> str:
    tail = f"<script>{script}</script>" if script else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="robots" content="noindex"><link rel="icon" href="data:,"><title>{title} · Roomleft</title><style>{STYLE}</style></head>'
        f"<body><main><h1>{title}</h1>{body}</main>{tail}</body></html>"
    )
