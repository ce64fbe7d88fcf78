"""A real browser that looks at a page: what it drew, and what did not fit."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)

_PROBE = """
<script>
const violations = [];
addEventListener("securitypolicyviolation", event => violations.push(event.blockedURI));
addEventListener("load", () => {
  const found = document.createElement("pre");
  found.id = "found";
  found.textContent = JSON.stringify({
    images: [...document.images].map(image => [image.naturalWidth, image.alt]),
    headings: [...document.querySelectorAll("h2")].map(heading => heading.innerText),
    rows: [...document.querySelectorAll("tbody tr")].map(row => [...row.cells].map(cell => cell.innerText)),
    shown: document.body.innerText,
    fetched: performance.getEntriesByType("resource").map(entry => entry.name).filter(name => !/^data:/.test(name)),
    tooWide: document.documentElement.scrollWidth > innerWidth,
    violations,
  });
  document.body.append(found);
});
</script>
"""


def look_at(page: str, folder: Path, width: int = 1280) -> dict[str, Any]:
    """What the browser makes of the page: its policy is left in force, but for the script that looks around."""
    allowed = page.replace("default-src 'none';", "default-src 'none'; script-src 'unsafe-inline';")
    assert allowed != page
    file = folder / "page.html"
    file.write_text(allowed.replace("</head>", f"{_PROBE}</head>"), encoding="utf-8")
    assert CHROMIUM
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", f"--user-data-dir={folder / 'profile'}"]
    command = [
        CHROMIUM,
        *options,
        f"--window-size={width},900",
        "--virtual-time-budget=5000",
        "--dump-dom",
        file.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    found = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stderr
    seen: dict[str, Any] = json.loads(html.unescape(found[1]))
    return seen
