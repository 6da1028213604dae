"""The page in a real browser: silent, offline, and what can be pressed works. Skipped where there is no Chromium."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from contests import BEST, MIDDLE, WORST, record

from harness.board.report.blackbox import blackbox_section
from harness.board.report.document import Report
from harness.board.report.page import render

CHROMIUM, DRIVER = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
PATIENCE_SECONDS = 300  # it ends what hangs, and decides nothing
DRAWN = "return document.querySelectorAll('figure.chart[data-drawn]').length"

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver on the path")


@pytest.fixture
def page(made: Report) -> str:
    """The report with a contest in one dimension, too."""
    contest = record({"random": WORST, "cmaes": BEST, "rnn(cell='dnc')" * 8: MIDDLE}, shown=True)
    return render(replace(made, blackbox=blackbox_section([contest])))


@pytest.fixture
def browser(page: str, tmp_path: Path) -> Iterator[object]:
    """The page opened straight from disk, its charts in view drawn."""
    selenium = pytest.importorskip("selenium.webdriver")
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.support.ui import WebDriverWait

    file = tmp_path / "report.html"
    file.write_text(page, encoding="utf-8")
    options = selenium.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1280,1000"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = selenium.Chrome(options=options, service=Service(str(DRIVER)))
    try:
        driver.get(file.as_uri())
        WebDriverWait(driver, PATIENCE_SECONDS).until(lambda each: each.execute_script(DRAWN) >= 1)
        yield driver
    finally:
        driver.quit()


def test_the_page_works_and_keeps_to_itself(browser) -> None:
    """One test for all of it, since starting a browser takes longer than everything else here."""
    run = browser.execute_script
    wait = _waiting(browser)

    # Every table sorts by a press on a heading, and the other way by another.
    areas = "return [...document.querySelectorAll('#b1-searchers tbody tr')].map(r => Number(r.cells[2].dataset.v))"
    press = "document.querySelectorAll('#b1-searchers thead button')[2].click()"
    before = run(areas)
    run(press)
    assert run(areas) == sorted(before, reverse=True)
    run(press)
    assert run(areas) == sorted(before)
    assert run("return document.querySelector('#b1-searchers th[aria-sort]').getAttribute('aria-sort')") == "ascending"

    # The curves are medians; the button shows single seeds.
    traces = "return document.querySelector('#b1-curves .plot').data.map(t => [t.meta, t.fill === 'toself', t.opacity])"
    count = len(run(traces))
    assert not any(band for _, band, _ in run(traces))
    run("document.querySelector('#b1-curves .controls button').click()")
    wait(lambda: len(run(traces)) > count)
    run("document.querySelector('#b1-curves .controls button').click()")
    wait(lambda: len(run(traces)) == count)

    # Pressing a name, by the keyboard too, brings its curve out with a band, and the others step back.
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    names = browser.find_elements(By.CSS_SELECTOR, "#b1-curves .controls button")[2:]
    drawn = "const {series, references} = JSON.parse(document.getElementById('charts').textContent)['b1-curves'];"
    assert [each.text for each in names] == run(f"{drawn} return [...series, ...references].map(each => each.label)")
    assert {each.get_attribute("aria-pressed") for each in names} == {"false"}
    key = run(f"{drawn} return series.findIndex(each => each.seeds.length > 1)")
    names[key].send_keys(Keys.SPACE)
    wait(lambda: [each for each, band, _ in run(traces) if band] == [key])
    assert all((opacity == 1) == (each == key) for each, band, opacity in run(traces) if not band)
    assert names[key].get_attribute("aria-pressed") == "true"
    names[key].send_keys(Keys.ENTER)
    wait(lambda: not any(band for _, band, _ in run(traces)))

    # So does pointing at the name or at the curve, for as long as one points.
    away = browser.find_element(By.CSS_SELECTOR, "nav .brand")

    def pointed(target, offset=lambda: (0, 0)) -> bool:
        """Come from elsewhere each time, since what is drawn meanwhile moves the target from under the pointer."""
        run("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", target)
        ActionChains(browser).move_to_element(away).move_to_element_with_offset(target, *offset()).perform()
        return [each for each, band, _ in run(traces) if band] == [key]

    wait(lambda: pointed(names[key]))
    ActionChains(browser).move_to_element(away).perform()
    wait(lambda: not any(band for _, band, _ in run(traces)))
    end = """
        const plot = document.querySelector('#b1-curves .plot'), {xaxis, yaxis, _size} = plot._fullLayout;
        const box = plot.getBoundingClientRect(), line = plot.data.find(each => each.meta === arguments[0]);
        const [x, y] = [xaxis.c2p(line.x.at(-1)), yaxis.c2p(line.y.at(-1))];
        return [x + _size.l - box.width / 2 - 2, y + _size.t - box.height / 2].map(Math.round);
    """
    plot = browser.find_element(By.CSS_SELECTOR, "#b1-curves .plot")
    wait(lambda: pointed(plot, lambda: run(end, key)))

    # A label that looks like markup is drawn letter by letter.
    assert any("<img/src=x/onerror=" in each.text for each in names)
    assert run("return document.title") == "Which search works? A harness report"

    # The words of another searcher; a card opens, and its charts are drawn then.
    run("document.querySelector('#b1-words').scrollIntoView()")
    wait(lambda: run("return !!document.querySelector('#b1-words').dataset.drawn"))
    first = run("return JSON.stringify(document.querySelector('#b1-words .plot').data[0].z)")
    run("document.querySelectorAll('#b1-words .controls button')[1].click()")
    wait(lambda: run("return JSON.stringify(document.querySelector('#b1-words .plot').data[0].z)") != first)
    run("document.querySelector('.open-all').click()")
    assert run("return [...document.querySelectorAll('.card')].every(card => card.open)")
    run("document.querySelector('#r1-c2-sweep').scrollIntoView()")
    wait(lambda: run("return !!document.querySelector('#r1-c2-sweep').dataset.drawn"))

    # Training by epoch: a candidate's name brings out its band, which does not change what is drawn without it.
    run("document.querySelector('#t1-w1-curves').scrollIntoView()")
    wait(lambda: run("return !!document.querySelector('#t1-w1-curves').dataset.drawn"))
    drawn = "return JSON.stringify(document.querySelector('#t1-w1-curves .plot').data.map(t => [t.x, t.y]))"
    before = run(drawn)
    name = browser.find_elements(By.CSS_SELECTOR, "#t1-w1-curves .controls button")[2]
    for _ in range(2):
        name.send_keys(Keys.SPACE)
        wait(lambda: run(drawn) != before)
        name.send_keys(Keys.SPACE)
        wait(lambda: run(drawn) == before)
    run("document.querySelector('#t1-profiles').scrollIntoView()")
    wait(lambda: run("return !!document.querySelector('#t1-profiles').dataset.drawn"))

    # Where an optimizer looks: another entrant's points lie on the same function, and another function has its own.
    run("document.querySelector('#x-p1-trajectories').scrollIntoView()")
    wait(lambda: run("return !!document.querySelector('#x-p1-trajectories').dataset.drawn"))
    drawn = (
        "return JSON.stringify(document.querySelector('#x-p1-trajectories .plot').data.map(t => [t.x, t.y, t.text]))"
    )
    first = run(drawn)
    buttons = browser.find_elements(By.CSS_SELECTOR, "#x-p1-trajectories .controls button")
    assert [each.text for each in buttons][-2:] == ["Function 1", "Function 2"]
    assert [each.get_attribute("aria-pressed") for each in buttons] == ["true", "false", "false", "true", "false"]
    buttons[1].send_keys(Keys.SPACE)
    wait(lambda: buttons[1].get_attribute("aria-pressed") == "true")
    assert buttons[0].get_attribute("aria-pressed") == "false"
    assert json.loads(run(drawn))[0] == json.loads(first)[0], "the function"
    buttons[-1].send_keys(Keys.SPACE)
    wait(lambda: json.loads(run(drawn))[0] != json.loads(first)[0])

    # No table is cut without a hint; in the dark the ground is another.
    run("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    hints = """
        return [...document.querySelectorAll('.table')].map(
            table => [table.scrollWidth > table.clientWidth + 2, !table.previousElementSibling.hidden])
    """
    wait(lambda: all(cut == said for cut, said in run(hints)))
    ground = "return getComputedStyle(document.body).backgroundColor"
    light = run(ground)
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    )
    wait(lambda: run(ground) != light)

    # On a phone nothing is wider than the screen but tables, and these say so.
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    wait(lambda: run("return document.documentElement.scrollWidth") <= 390)
    wait(lambda: all(cut == said for cut, said in run(hints)))
    assert any(said for _, said in run(hints))

    assert [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []
    assert {scheme for scheme in _requested(browser) if scheme not in ("file", "data", "blob")} == set()


def _waiting(browser):
    from selenium.webdriver.support.ui import WebDriverWait

    return lambda condition: WebDriverWait(browser, PATIENCE_SECONDS).until(lambda _: condition())


def _requested(browser) -> list[str]:
    """The schemes of what the page asked for; the browser's own first tab does not count."""
    messages = (json.loads(entry["message"])["message"] for entry in browser.get_log("performance"))
    sent = (each["params"] for each in messages if each["method"] == "Network.requestWillBeSent")
    return [each["request"]["url"].partition(":")[0] for each in sent if each["documentURL"].startswith("file:")]
