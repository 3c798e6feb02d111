"""The console in a real browser, before a whole deployment: what people see and do, with scripts and without."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

from lab.screenshots.browser import WIDTHS, complaints, darken, resize
from streamer.clock import wall_ms
from streamer.events import DAY_MS, Dislike, Impression, Play, encode
from streamer.partitioning import partition_of
from streamer.producing import SignalProducer, topics
from streamer.producing.connection import open_producer
from tests.backends import npm
from tests.backends.choose import Kafka, RealRedis
from tests.backends.chromium import browsing
from tests.backends.missing import go_without
from tests.backends.ports import NotHere, free_port
from tests.deployment import records_of, settings_of
from tests.processes import HANGS_AFTER_S, running
from tests.service import Service, serving

ANN: Final = "ann <b>of the/north</b>"
PAGES: Final = ("user", f"user?id={ANN.replace(' ', '+')}&past=1", "population", "pipeline", "rejects")
LONG: Final = f"user?id={'u' * 256}&tags={'t' * 256}&cohort={'c' * 256}"


@pytest.fixture(scope="module")
def service(
    kafka: Kafka, redis_server: RealRedis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Service, Path]]:
    """With workers and publishers behind it, who are asked for their metrics; and where its log is."""
    redis_server.flush()
    folder = tmp_path_factory.mktemp("console")
    prefix = f"t{uuid.uuid4().hex[:10]}-"
    settings = settings_of(prefix, kafka.bootstrap, redis_server.url, folder, clock="wall")
    topics.create(settings)
    ports = free_port(), free_port()
    worker, publisher = (settings.model_copy(update={"metrics_port": port}) for port in ports)
    urls = tuple(f"http://127.0.0.1:{port}/metrics" for port in ports)
    with running("worker", worker, folder / "w.log"), running("publisher", publisher, folder / "p.log"):
        _live_of_ann(worker)
        watching = settings.model_copy(update={"console_metrics_urls": urls})
        with serving(watching, folder, alone=True) as found:
            yield found, folder / "serve.log"


def _live_of_ann(settings: object) -> None:
    """For a month she passes over the news, stays with yoga by many, and hides a tag as long as can be."""
    now = wall_ms()
    with SignalProducer(settings) as producer:  # type: ignore[arg-type]
        for day in range(30, 0, -1):
            for n in range(8):
                ts = now - day * DAY_MS + n * 20_000
                news = {"content_id": f"news-{day}-{n}", "tags": ("news",), "creator_id": "daily"}
                yoga = {"content_id": f"yoga-{day}-{n}", "tags": ("yoga", f"pose-{n}"), "duration_s": 100.0}
                yoga |= {"creator_id": f"asana-{n}"}  # else she would have come for one series alone
                producer.send(Impression(user_id=ANN, ts=ts, position=0, visible_ms=4000, **news))  # type: ignore[arg-type]
                producer.send(Impression(user_id=ANN, ts=ts, position=0, visible_ms=4000, **yoga))  # type: ignore[arg-type]
                producer.send(Play(user_id=ANN, ts=ts + 5000, played_s=95.0, **yoga))  # type: ignore[arg-type]
        producer.send(Dislike(user_id=ANN, ts=now, action="hide", scope="tag", tag="w" * 256))


@pytest.fixture(scope="module")
def browser(service: tuple[Service, Path]) -> Iterator[Chrome]:
    """Somebody who may do everything is logged in."""
    try:
        with browsing() as found:
            log_in(found, service[0])
            yield found
    except NotHere as missing:
        go_without(missing)


def log_in(browser: Chrome, service: Service) -> None:
    browser.get(f"{service.url}/console")
    browser.find_element(By.ID, "key").send_keys(service.everything, Keys.ENTER)
    until(browser, lambda: browser.find_elements(By.LINK_TEXT, "Rejects"))


def until(browser: Chrome, condition: Callable[[], object]) -> None:
    """Waits; what is looked at may be exchanged meanwhile."""
    passing = (NoSuchElementException, StaleElementReferenceException)
    WebDriverWait(browser, HANGS_AFTER_S, 0.1, passing).until(lambda _: condition())


def says(browser: Chrome, text: str, selector: str = "main") -> None:
    """Waits until a part of the page says this."""
    until(browser, lambda: text in " ".join(browser.find_element(By.CSS_SELECTOR, selector).text.split()))


def press(browser: Chrome, xpath: str) -> None:
    """Clicks on what is found there, though the page may be drawing it anew at this moment."""

    def pressed() -> bool:
        browser.find_element(By.XPATH, xpath).click()
        return True

    until(browser, pressed)


def open_ann(browser: Chrome, service: Service) -> None:
    def listed() -> bool:
        browser.get(f"{service.url}/console/user")
        field = browser.find_element(By.ID, "id")
        field.send_keys(ANN, Keys.ENTER)
        until(browser, lambda: browser.find_elements(By.CLASS_NAME, "id"))
        return "Tag “news”" in browser.find_element(By.TAG_NAME, "main").text

    until(browser, listed)


def fill(browser: Chrome, section: str, **values: str) -> WebElement:
    """Fills a form in, which stands below this title; its button."""
    form = browser.find_element(By.CSS_SELECTOR, f"[aria-labelledby={section}] form")
    for name, value in values.items():
        field = form.find_element(By.NAME, name)
        if field.tag_name == "select":
            Select(field).select_by_value(value)
        else:
            field.clear()
            field.send_keys(value)
    return form.find_element(By.TAG_NAME, "button")


def test_somebody_is_found_and_their_list_says_why_until_when_and_how_it_ends(
    browser: Chrome, service: tuple[Service, Path]
) -> None:
    open_ann(browser, service[0])
    says(browser, "Shown much less")
    told = ("ignored 240 of 240 times it was seen", "It ends on", "Take it off")
    until(
        browser, lambda: all(each in browser.find_element(By.XPATH, "//article[h3='Tag “news”']").text for each in told)
    )

    def is_drawn() -> bool:  # by itself, once workers have saved it
        if "saved nothing" in browser.find_element(By.ID, "list").text:
            browser.refresh()
        return len(browser.find_elements(By.CSS_SELECTOR, "#list rect.seen")) >= 30

    until(browser, is_drawn)
    assert browser.execute_script("return document.querySelectorAll('main b').length") == 0
    assert complaints(browser) == []


def test_why_something_is_not_listed_is_answered_on_the_page_that_is_open(
    browser: Chrome, service: tuple[Service, Path]
) -> None:
    open_ann(browser, service[0])
    browser.execute_script("window.sameOne = true")
    fill(browser, "why-title", ask="yoga", kind="tag").click()
    says(browser, "It is not on the list, because:", "#answer")
    fill(browser, "why-title", ask="never heard of", kind="").click()
    says(browser, "nothing of it was really seen", "#answer")
    assert browser.execute_script("return window.sameOne")
    assert browser.switch_to.active_element.get_attribute("id") == "answer"
    fill(browser, "why-title", ask="", kind="duration").click()
    says(browser, "What they played, by length", "#answer")
    assert browser.find_elements(By.CSS_SELECTOR, "#answer .chart")
    fill(browser, "try-title", item="c", tags="yoga, NEWS").click()
    says(browser, "It would be ranked at", "#tried")
    assert browser.execute_script("return window.sameOne")
    assert complaints(browser) == []


def test_a_no_is_said_and_taken_back_and_the_page_says_what_each_has_changed(
    browser: Chrome, service: tuple[Service, Path]
) -> None:
    open_ann(browser, service[0])
    fill(browser, "say-title", action="block", kind="tag", value="gore").click()
    says(browser, "Tag “gore”: left out. It has no end: it stands until it is taken off.", "#notice")
    press(browser, "//article[h3='Tag “gore”']//button")
    says(browser, "Tag “gore” is off the list.", "#notice")
    until(browser, lambda: not browser.find_elements(By.XPATH, "//article[h3='Tag “gore”']"))
    assert complaints(browser) == []


def test_the_pipeline_is_told_live_and_can_be_held(browser: Chrome, service: tuple[Service, Path]) -> None:
    settings = service[0].settings
    browser.get(f"{service[0].url}/console/pipeline")
    says(browser, "From event to Redis")
    assert "does not answer" not in browser.find_element(By.TAG_NAME, "main").text
    number = 0

    def more() -> bool:
        nonlocal number
        number += 1
        with SignalProducer(settings) as producer:
            producer.send(Impression(user_id="live", ts=wall_ms(), content_id=f"c{number}"))
        tile = browser.execute_script("return document.querySelector('.tile .value').textContent")
        return tile not in ("0.0 / s", "unknown yet")

    until(browser, more)
    press(browser, "//button[.='Hold']")
    says(browser, "Go on", "#figures-hold")
    assert complaints(browser) == []


def test_a_rejected_record_is_mended_and_sent_again(browser: Chrome, service: tuple[Service, Path]) -> None:
    settings, user = service[0].settings, "of-rejects"
    broken = json.dumps({"user_id": user, "ts": wall_ms(), "content_id": "c7", "played_s": "</textarea><b>3"})
    producer = open_producer(settings, 30, auto_create=False)
    home = partition_of(user, settings.partitions, settings.partitioner)
    producer.send(settings.topics.plays, broken.encode(), user.encode(), partition=home).get(30)
    producer.close()

    def rejected() -> list[WebElement]:
        browser.get(f"{service[0].url}/console/rejects?user={user}")
        return browser.find_elements(By.TAG_NAME, "textarea")

    until(browser, rejected)
    says(browser, "A field is of another type than it should be.")
    press(browser, "//article//button")
    says(browser, "It was not sent")
    field = browser.find_element(By.TAG_NAME, "textarea")
    mended = Play(user_id=user, ts=wall_ms(), content_id="c7", played_s=3.0)
    field.clear()
    field.send_keys(encode(mended).decode())
    browser.find_element(By.CSS_SELECTOR, "main form button").click()
    says(browser, f"Sent again, to {settings.topics.plays}.", "#notice")
    assert encode(mended) in [record.value for record in records_of(settings, settings.topics.plays)]
    assert all("422" in each for each in complaints(browser))


def test_everything_works_without_javascript(service: tuple[Service, Path]) -> None:
    with browsing(scripts=False) as browser:
        log_in(browser, service[0])
        browser.get("data:text/html,<title>plain</title><script>document.title='scripted'</script>")
        assert browser.title == "plain"
        browser.get(f"{service[0].url}/console/user?id=bob")
        fill(browser, "say-title", action="hide", kind="creator", value="loud").click()
        says(browser, "Creator “loud”: left out.", "#notice")
        fill(browser, "why-title", ask="loud", kind="creator").click()

        def is_answered() -> bool:
            told = browser.find_element(By.ID, "answer").text
            if "saved nothing" in told or "It is not on the list" in told:
                browser.refresh()
            return "It is on the list" in told

        until(browser, is_answered)
        press(browser, "//article[h3='Creator “loud”']//button")
        says(browser, "Creator “loud” is off the list.", "#notice")
        for page in PAGES:
            browser.get(f"{service[0].url}/console/{page}")
            assert browser.find_element(By.TAG_NAME, "h1").text
        press(browser, "//button[contains(., 'Log out')]")
        until(browser, lambda: browser.find_element(By.ID, "key"))


def test_the_keyboard_alone_is_enough(browser: Chrome, service: tuple[Service, Path]) -> None:
    browser.get(f"{service[0].url}/console/user")
    met = []
    for _ in range(12):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        at = browser.switch_to.active_element
        met.append(at.text or at.get_attribute("name") or "")
        shown = browser.execute_script("return getComputedStyle(arguments[0]).outlineStyle", at)
        assert shown != "none", f"nobody sees that the focus is at {met[-1]!r}"
        if met[-1] == "id":
            break
    assert met[:1] == ["Skip to the content"] and met[-1] == "id", met
    browser.switch_to.active_element.send_keys(ANN, Keys.ENTER)
    says(browser, "Tag “news”")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nothing_is_wider_than_a_phone_or_a_desk_and_axe_finds_no_fault(
    browser: Chrome, service: tuple[Service, Path], dark: bool
) -> None:
    axe = _axe()
    darken(browser, dark)
    try:
        for page in (*PAGES, LONG, "login", "none"):
            for width in WIDTHS:
                resize(browser, width)
                browser.get(f"{service[0].url}/console/{page}")
                wide = browser.execute_script("return document.documentElement.scrollWidth")
                assert wide <= width, f"{page} is {wide} wide at {width}"
                if axe is not None:
                    browser.execute_script(axe)
                    assert _faults(browser) == [], f"{page} at {width}"
    finally:
        resize(browser, 1280)
        darken(browser, dark=False)


def _axe() -> str | None:
    """The checker, which comes from npm: without npm what it checks goes unchecked."""
    try:
        return (npm.modules() / "node_modules" / "axe-core" / "axe.min.js").read_text()
    except NotHere:
        return None


def _faults(browser: Chrome) -> list[str]:
    script = """
        const done = arguments[arguments.length - 1];
        axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}).then(
            found => done(found.violations.map(each => each.id + ": " + each.nodes.map(node => node.html).join(" | "))),
            error => done([String(error)]));
    """
    found: list[str] = browser.execute_async_script(script)
    return found


@pytest.mark.kills("kafka")
def test_while_kafka_is_away_the_list_stays_and_what_cannot_be_done_is_told(
    browser: Chrome, service: tuple[Service, Path], kafka: Kafka
) -> None:
    open_ann(browser, service[0])
    kafka.kill()
    try:
        browser.refresh()
        says(browser, "Kafka does not answer", "#list")
        assert "Tag “news”" in browser.find_element(By.ID, "list").text
        fill(browser, "say-title", action="hide", kind="tag", value="not lost").click()
        says(browser, "Kafka does not answer", "#notice")
        field = browser.find_element(By.ID, "value")
        assert field.get_property("value") == "not lost"
        browser.get(f"{service[0].url}/console/pipeline")
        says(browser, "Kafka does not answer")
        browser.get(f"{service[0].url}/console/rejects")
        says(browser, "Something is away")
    finally:
        kafka.start()
    complaints(browser)  # each of the errors

    def works_again() -> bool:
        browser.get(f"{service[0].url}/console/user?id=ann")
        fill(browser, "say-title", action="hide", kind="tag", value="back").click()
        until(browser, lambda: browser.find_element(By.ID, "notice").text)
        return "The “no” is noted" in browser.find_element(By.ID, "notice").text

    until(browser, works_again)
    complaints(browser)


@pytest.mark.slowest
def test_pages_that_are_open_keep_the_service_from_ending_no_longer_than_a_look(
    kafka: Kafka, redis_server: RealRedis, prefix: str, tmp_path: Path
) -> None:
    settings = settings_of(prefix, kafka.bootstrap, redis_server.url, tmp_path, clock="wall")
    topics.create(settings)
    try:
        with browsing() as browser, serving(settings, tmp_path, alone=True) as service:
            log_in(browser, service)
            browser.get(f"{service.url}/console/pipeline")
            says(browser, "Events coming in")
    except NotHere as missing:
        go_without(missing)
    assert "timeout" not in (tmp_path / "serve.log").read_text().lower()
