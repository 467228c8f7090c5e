"""The page of `primer attention` in a real browser: `make test-page`.

Small models are trained, their pages opened in headless Chromium, and mouse and keyboard moved as people do. What the
page shows is compared with its blocks of data, read here without its script; that these are the model's weights is
checked by tests/train/attention_command_test.cpp. Needs Debian's chromium, chromium-driver and python3-selenium.

    /usr/bin/python3 tests/page/page_test.py build/primer
"""
import array
import base64
import functools
import html
import http.server
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

STEPS = 65535
HOSTILE = ('a</script><img src=x onerror="window.broken=1">"\'&amp;`${1}\n\0\r\t\x1b[31m\x7f \u200fr\u202e '
           '\u05e9\u05dc\ufeff\u2028 e\u0301 \U0001f600 ]]>--><!-- <svg onload=window.broken=1> javascript:').encode()
HOSTILE += b'\xff\xc3 </div></main>'
# Somebody's tokenizer.json may call its special tokens what it likes.
SPECIALS = ['</script><img src=x onerror="window.broken=1">', '<svg onload=window.broken=1>', '<!--', '</main></body>',
            "' onclick='window.broken=1", '&lt;b&gt;']

CHINESE = '\u4f60\u597d, \u4e16\u754c\u3002 \xe9\u2028\u200f'.encode() + b'\xe4'

LINE = HOSTILE.replace(b'\n', b'').replace(b'\r', b'').replace(b'\0', b'')
TURNED = b'so it comes\tcomes it so\nnot to that\tthat to not\n'
TRANSLATE = '--layers 2 --heads 2 --objective translate'

# name -> training options, training text, the text of the page; of a translator the source, and the target
PAGES = {
    'causal': ('--layers 3 --heads 4', None, b'so it comes\nto this, and not to that'),
    'bert': ('--layers 2 --heads 2 --objective mlm --tokenizer char', None, b'so it [MASK]omes[SEP]to this'),
    'pieces': ('--layers 2 --heads 3 --tokenizer bpe:300', None, b'and not to that, so it comes to this'),
    'one': ('--layers 1 --heads 1', None, b'a'),
    'long': ('--layers 1 --heads 2 --tokenizer byte', None, b'so it comes to this. ' * 12),
    'hostile': ('--layers 1 --heads 2 --tokenizer char', HOSTILE * 20, HOSTILE),
    'specials': ('--layers 2 --heads 1 --tokenizer specials.json', None, 'so '.join(SPECIALS).encode()),
    'pair': (TRANSLATE, TURNED * 40, b'so it comes', b'not to so'),
    'wide pair': (TRANSLATE, TURNED * 40, b'so it comes to that so it comes to that', b'it'),
    'tall pair': (TRANSLATE + ' --tokenizer byte', TURNED * 40, b'so', b'so it comes to that ' * 12),
    'chinese': ('--layers 2 --heads 2 --tokenizer byte', CHINESE * 20, CHINESE),
    'hostile bytes': ('--layers 1 --heads 1 --tokenizer byte', HOSTILE * 20, HOSTILE),
    'hostile pair': (TRANSLATE + ' --tokenizer byte', (LINE.replace(b'\t', b' ') + b'\tso\n') * 20, LINE, LINE),
}


def make_pages(primer, folder):
    text = b'so it comes\nto this, and not to that; a [d]og, The [MASK]. ' * 40
    (folder / 'text').write_bytes(text)
    specials = [word for name in SPECIALS for word in ('--special', name)]
    subprocess.run([primer, 'tokenize', 'train', 'text', '--tokenizer', 'byte', '-o', 'specials.json', '-q', *specials],
                   cwd=folder, check=True)
    for name, (options, training_text, words, *target) in PAGES.items():
        (folder / f'{name}.txt').write_bytes(training_text or text)
        subprocess.run([primer, 'train', f'{name}.txt', '-q', '-o', name, '--steps', '40', '--batch', '4', '--context',
                        '256', '--channels', '12', '--lr', '0.02', *options.split()], cwd=folder, check=True,
                       stdout=subprocess.DEVNULL)
        subprocess.run([primer, 'attention', name, '-', *target, '-o', f'{name}.html'], cwd=folder, input=words, check=True,
                       stderr=subprocess.DEVNULL)


class Page:
    """A page's file, read without its script."""

    def __init__(self, path):
        self.path = path
        text = path.read_text(encoding='utf-8')
        self.layers, self.heads = (int(re.search(f'data-{name}="(\\d+)"', text)[1]) for name in ('layers', 'heads'))
        self.causal = 'data-causal="true"' in text
        boxes = dict(re.findall(r'<div id="(source|text)"[^>]*>(.*?)</div>', text, re.S))
        for name, box in boxes.items():
            spans = re.findall(r'<span class="token[^"]*">(.*?)</span>', box, re.S)
            boxes[name] = [html.unescape(re.sub('</?i>', '', span)) for span in spans]
        self.tokens, self.sources = boxes['text'], boxes.get('source', boxes['text'])
        self.T, self.S = len(self.tokens), len(self.sources)
        found = re.search(r'id="expectations">(.*?)</script>', text)
        self.expected = found and json.loads(found[1])
        self.next = 'data-next="true"' in text
        self.likely = []
        if found:
            spans = re.findall(r'<span class="token[^"]*">(.*?)</span>', re.search('id="likely" hidden>(.*?)</div>', text)[1])
            self.likely = [html.unescape(re.sub('</?i>', '', span)) for span in spans]
        self.steps = []  # [layers * heads][T][S], in steps of 1 / STEPS
        for block in re.findall(r'class="weights">(.*?)</script>', text):
            numbers = array.array('H', base64.b64decode(block, validate=True))
            if sys.byteorder == 'big':
                numbers.byteswap()
            rows, at = [], 0
            for i in range(self.T):
                seen = i + 1 if self.causal else self.S
                rows.append(numbers[at:at + seen].tolist() + [0] * (self.S - seen))
                at += seen
            assert at == len(numbers)
            self.steps.append(rows)

    def rows(self, layer, head):
        """The steps of a head; head `heads` is the mean of a layer's, and that of layer `layers` the mean of all."""
        if head < self.heads:
            return self.steps[layer * self.heads + head]
        some = self.steps if layer == self.layers else self.steps[layer * self.heads:(layer + 1) * self.heads]
        return [[sum(head[i][k] for head in some) / len(some) for k in range(self.S)] for i in range(self.T)]

    def full(self, layer, head):
        few = min(8, self.T) - 1 if self.causal else 0
        return max(map(max, self.rows(layer, head)[few:])) / STEPS or 1

    def weights(self, layer, head, i, forward):
        """Between token i and every other, as the page calls it: where i looks, or who looks at i, one of the source."""
        rows = self.rows(layer, head)
        return [step / STEPS for step in (rows[i] if forward else [row[i] for row in rows])]


def open_browser():
    options = webdriver.ChromeOptions()
    for argument in ('--headless=new', '--disable-dev-shm-usage', '--window-size=1360,1100'):
        options.add_argument(argument)
    if os.geteuid() == 0:
        options.add_argument('--no-sandbox')  # Chromium's own sandbox refuses to run as root
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL', 'performance': 'ALL'})
    return webdriver.Chrome(service=Service('/usr/bin/chromedriver'), options=options)


def lightness(colour):
    return sum(int(number) for number in re.findall(r'\d+', colour)[:3])


class PageTest(unittest.TestCase):
    def open(self, name, dark=False):
        self.page = Page(folder / f'{name}.html')
        scheme = {'name': 'prefers-color-scheme', 'value': 'dark' if dark else 'light'}
        browser.execute_cdp_cmd('Emulation.setEmulatedMedia', {'features': [scheme]})
        browser.get('about:blank')
        for log in ('browser', 'performance'):
            browser.get_log(log)
        browser.get(self.page.path.as_uri())
        self.run_js('return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))')
        return self.page

    def select(self, layer, head):
        self.run_js('buttons[placeOf(...arguments)].click()', layer, head)

    def run_js(self, code, *arguments):
        return browser.execute_script(code, *arguments)

    def find(self, selector):
        return browser.find_elements(By.CSS_SELECTOR, selector)

    def hover(self, element):
        self.run_js('arguments[0].scrollIntoView({block: "nearest"})', element)
        ActionChains(browser, duration=0).move_to_element(element).perform()

    def said(self):
        return self.find('#said')[0].text

    def expect_shown(self, layer, head, at, forward=True):
        """The text, the list, the sentence and the heading show this token's weights."""
        page, weights = self.page, self.page.weights(layer, head, at, forward)
        others = page.sources if forward else page.tokens
        shown = self.run_js('''return {
            heading: byId('which').innerText,
            full: shown.full,
            legend: Array.from(document.querySelectorAll('#legend span'), mark => mark.innerText),
            expected: byId('expected').checkVisibility({checkVisibilityCSS: true}) ? Array.from(byId('expected').rows).map(
                row => Array.from(row.cells, cell => cell.innerText)) : null,
            marked: Array.from(document.querySelectorAll('.at'), token => near().indexOf(token)),
            colours: far().map(token => token.style.backgroundColor),
            coloured: document.querySelectorAll('.token[style*=background]').length,
            rows: Array.from(byId('strongest').rows).filter(row => !row.hidden).map(
                row => Array.from(row.cells, cell => cell.innerText)),
            dark: matchMedia('(prefers-color-scheme: dark)').matches}''')
        heading = (f'Layer {layer}, head {head}' if head < page.heads else
                   f'Layer {layer}, mean of its heads' if layer < page.layers else 'Mean of all heads')
        self.assertEqual(shown['heading'], heading)
        full = page.full(layer, head)
        self.assertAlmostEqual(shown['full'], full, places=6)
        self.assertEqual(shown['legend'][-1], f'{float(f"{100 * full:.2g}"):g} %')
        self.expect_expected(shown['expected'], at, forward)
        self.assertEqual(shown['marked'], [at])
        colours, dark = shown['colours'], shown['dark']
        self.assertEqual(shown['coloured'], sum(map(bool, colours)))
        shades = [lightness(colour) for colour in colours]
        for weight, colour in zip(weights, colours):
            self.assertEqual(not colour, int(255 * min(weight / shown['full'], 1) ** .5 + .5) == 0)
        ranked = sorted((i for i in range(len(others)) if colours[i]), key=lambda i: weights[i])
        for less, more in zip(ranked, ranked[1:]):
            self.assertTrue(shades[less] <= shades[more] if dark else shades[less] >= shades[more])
        strongest = sorted(range(len(others)), key=lambda i: (-weights[i], i))[:12]
        self.assertEqual([int(row[0]) for row in shown['rows']], strongest)
        self.assertEqual([row[1] for row in shown['rows']], [others[i] for i in strongest])
        self.assertEqual([row[3] for row in shown['rows']], [f'{100 * weights[i]:.2f} %' for i in strongest])
        verb = 'looks most at' if forward else 'is looked at most by'
        self.assertIn(f'{verb} {strongest[0]} ', self.said())
        self.assertTrue(self.said().startswith(f'{at} '))

    def expect_expected(self, rows, at, forward):
        """The table names the likeliest tokens with their probabilities, and the one that stands there."""
        page = self.page
        found = page.expected and (forward or page.sources is page.tokens) and page.expected[at]
        if not found or len(found) == 2 and found[0] is None:
            self.assertIsNone(rows)
            return
        p, standing, *numbers = found
        place = at + 1 if page.next else at
        wanted = [['', page.likely[token], f'{100 * p:.2f}'] for token, p in zip(numbers[::2], numbers[1::2])]
        if standing >= 0:
            wanted[standing][:2] = [str(place), page.tokens[place]]
        elif p is not None:
            wanted.append([str(place), page.tokens[place], f'{100 * p:.2f}'])
        for row, (i, token, percent) in zip(rows, wanted):
            self.assertEqual(row[:2], [i, token.strip()])
            self.assertAlmostEqual(float(row[3].removesuffix(' %')), float(percent), delta=.011)
        self.assertTrue(all(row[1] == '' for row in rows[len(wanted):]))

    def expect_quiet(self, *expected):
        """Nothing was complained about, nothing was asked for but the page itself."""
        self.assertEqual(browser.get_log('browser'), [])
        messages = [json.loads(entry['message'])['message'] for entry in browser.get_log('performance')]
        asked = [m['params']['request']['url'] for m in messages if m['method'] == 'Network.requestWillBeSent']
        asked = [url for url in asked if url != 'about:blank']
        self.assertEqual(asked, list(expected) or [self.page.path.as_uri()])

    def test_the_script_reads_the_numbers_that_primer_wrote(self):
        for name in PAGES:
            with self.subTest(name):
                page = self.open(name)
                found = self.run_js('''
                    return Array.from({length: layers * heads}, (_, i) => tokens.map((_, from) => sources.map((_, to) =>
                        weight(Math.floor(i / heads), i % heads, from, to) * steps)))''')
                for head, expected in zip(found, page.steps, strict=True):
                    for row, wanted in zip(head, expected, strict=True):
                        self.assertEqual([round(number, 6) for number in row], wanted)
                        self.assertEqual(sum(wanted), STEPS)
                self.expect_quiet()

    def test_each_pixel_of_the_map_is_the_colour_of_its_weight(self):
        for name, heads in (('causal', ((0, 0), (2, 3), (1, 4), (3, 4))), ('pair', ((1, 0), (2, 2))),
                            ('wide pair', ((0, 1),)), ('bert', ((0, 2),))):
            page = self.open(name)
            for layer, head in heads:
                self.select(layer, head)
                pixels = self.run_js('''
                    const data = whole.getContext('2d').getImageData(0, 0, S, T).data;
                    const pixel = i => `rgb(${Array.from(data.slice(4 * i, 4 * i + 3)).join(' ')})`;
                    return Array.from({length: T * S}, (_, i) => pixel(i))''')
                ramp = self.run_js('return Array.from({length: 256}, (_, i) => colour(i))')
                self.assertGreater(len(set(ramp)), 200)
                steps, full = page.rows(layer, head), page.full(layer, head)
                for i in range(page.T * page.S):
                    # JavaScript rounds a half up, and has a mean's steps in 24 bits
                    level = 255 * min(steps[i // page.S][i % page.S] / STEPS / full, 1) ** .5 + .5
                    self.assertIn(pixels[i], {ramp[int(min(level + off, 255))] for off in (-1e-4, 1e-4)})
            small = self.run_js('''return buttons.filter(button => button).map(button => {
                const canvas = button.firstChild;
                const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
                const box = button.getBoundingClientRect();
                return [canvas.width, canvas.height, new Set(data).size, box.width / box.height] })''')
            self.assertEqual(len(small), page.layers * (page.heads + 1) + 1)
            for width, height, size, aspect in small:
                self.assertEqual((width, height), (page.S, page.T))
                self.assertGreater(size, 20 if name == 'causal' else 5)  # little is learned in forty steps
                self.assertAlmostEqual(aspect, min(max(page.S / page.T, 1 / 3), 3), delta=.05)

    def test_hovering_a_token_shows_where_it_looks(self):
        for name, dark in (('causal', False), ('causal', True), ('bert', False), ('bert', True), ('pieces', False)):
            with self.subTest(name=name, dark=dark):
                page = self.open(name, dark)
                self.expect_shown(0, 0, page.T - 1)
                before = self.run_js('return map.toDataURL()')
                for at in (page.T // 2, 0, 3):
                    self.hover(self.find('#text .token')[at])
                    self.expect_shown(0, 0, at)
                    after = self.run_js('return map.toDataURL()')
                    self.assertNotEqual(before, after)
                    before = after
                self.find('#backward')[0].click()
                self.expect_shown(0, 0, 3, forward=False)
                self.select(page.layers - 1, page.heads - 1)
                self.expect_shown(page.layers - 1, page.heads - 1, 3, forward=False)
                self.expect_quiet()

    def test_a_pinned_token_stays_and_a_second_one_makes_a_pair(self):
        page = self.open('bert')
        tokens = self.find('#text .token')
        tokens[2].click()
        self.hover(tokens[9])
        self.assertIn(f'with a weight of {page.weights(0, 0, 2, True)[9]:.5f}.', self.said())
        self.assertTrue(self.said().startswith('2 '))
        self.assertTrue(self.find('#pinned')[0].is_displayed())
        self.find('#backward')[0].click()
        self.hover(tokens[9])
        self.assertIn(f'with a weight of {page.weights(0, 0, 2, False)[9]:.5f}.', self.said())
        self.assertTrue(self.said().startswith('9 '))
        tokens[2].click()
        self.assertFalse(self.find('#pinned')[0].is_displayed())
        self.hover(tokens[9])
        self.expect_shown(0, 0, 9, forward=False)
        self.expect_quiet()

    def test_a_place_on_the_map_says_its_weight(self):
        for name in ('bert', 'long', 'pieces', 'pair', 'wide pair', 'tall pair'):
            with self.subTest(name):
                page = self.open(name)
                place = self.find('#map')[0]
                self.run_js('arguments[0].scrollIntoView()', place)
                frame = self.run_js('return frame')
                for to, at in ((1, min(3, page.T - 1)), (page.S - 1, page.T - 1), (0, page.T - 2)):
                    x = frame['left'] + (to + .5) * frame['cell'] - place.size['width'] / 2
                    y = frame['top'] + (at + .5) * frame['cell'] - place.size['height'] / 2
                    ActionChains(browser, duration=0).move_to_element_with_offset(place, round(x), round(y)).perform()
                    if frame['cell'] < 3:  # a pixel may be off by one place
                        at, to = self.run_js('return [shown.at, shown.other]')
                    self.assertTrue(self.said().startswith(f'{at} '), self.said())
                    self.assertIn(f' looks at {to} ', self.said())
                    self.assertIn(f'with a weight of {page.weights(0, 0, at, True)[to]:.5f}.', self.said())
                self.expect_quiet()

    def test_a_token_of_a_source_shows_who_looks_at_it_and_one_of_a_target_where_it_looks(self):
        for name, dark in (('pair', False), ('pair', True), ('wide pair', False), ('tall pair', False)):
            with self.subTest(name=name, dark=dark):
                page = self.open(name, dark)
                source, target = self.find('#source .token'), self.find('#text .token')
                self.expect_shown(0, 0, page.T - 1)
                self.hover(target[1])
                self.expect_shown(0, 0, 1)
                self.hover(source[2])
                self.expect_shown(0, 0, 2, forward=False)
                self.select(page.layers - 1, page.heads - 1)
                self.expect_shown(1, 1, 2, forward=False)
                self.hover(target[0])
                self.expect_shown(1, 1, 0)
                self.assertEqual(self.find('fieldset'), [])
                self.expect_quiet()

    def test_a_pinned_token_makes_a_pair_with_one_of_the_other_text(self):
        page = self.open('pair')
        source, target = self.find('#source .token'), self.find('#text .token')
        target[2].click()
        self.hover(source[5])
        pair = f'with a weight of {page.weights(0, 0, 2, True)[5]:.5f}.'
        self.assertTrue(self.said().startswith('2 ') and ' looks at 5 ' in self.said() and pair in self.said())
        self.hover(target[4])
        self.assertIn(pair, self.said())
        source[1].click()
        self.hover(target[4])
        self.assertTrue(self.said().startswith('4 ') and ' looks at 1 ' in self.said(), self.said())
        self.assertIn(f'with a weight of {page.weights(0, 0, 4, True)[1]:.5f}.', self.said())
        source[1].click()
        self.assertFalse(self.find('#pinned')[0].is_displayed())
        self.expect_shown(0, 0, 1, forward=False)
        self.expect_quiet()

    def test_the_keyboard_is_enough_for_two_texts(self):
        page = self.open('pair')
        keys = lambda *pressed: ActionChains(browser, duration=0).send_keys(*pressed).perform()
        keys(Keys.TAB, Keys.ARROW_DOWN, Keys.TAB)
        self.assertEqual(self.run_js('return document.activeElement.id'), 'source')
        self.expect_shown(1, 0, page.T - 1)
        keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
        self.expect_shown(1, 0, 1, forward=False)
        self.assertEqual(self.run_js('return byId("source").getAttribute("aria-activedescendant")'), 'source-1')
        keys(Keys.ENTER, Keys.TAB, Keys.END, Keys.ARROW_LEFT)
        weight = page.weights(1, 0, page.T - 2, True)[1]
        self.assertTrue(self.said().startswith(f'{page.T - 2} ') and ' looks at 1 ' in self.said(), self.said())
        self.assertIn(f'with a weight of {weight:.5f}.', self.said())
        self.assertEqual(self.run_js('return text.getAttribute("aria-activedescendant")'), f'token-{page.T - 2}')
        keys(Keys.ESCAPE, Keys.HOME)
        self.expect_shown(1, 0, 0)
        self.expect_quiet()

    def test_the_keyboard_is_enough(self):
        page = self.open('causal')
        keys = lambda *pressed: ActionChains(browser, duration=0).send_keys(*pressed).perform()
        keys(Keys.TAB)
        self.assertEqual(self.run_js('return document.activeElement.getAttribute("aria-label")'), 'Layer 0, head 0')
        keys(Keys.ARROW_RIGHT, Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_LEFT, Keys.ARROW_RIGHT)
        self.expect_shown(2, 1, page.T - 1)
        keys(Keys.TAB)
        self.assertEqual(self.run_js('return document.activeElement.id'), 'forward')
        keys(Keys.ARROW_RIGHT)
        self.expect_shown(2, 1, page.T - 1, forward=False)
        keys(Keys.ARROW_LEFT, Keys.TAB)
        self.assertEqual(self.run_js('return document.activeElement.id'), 'text')
        keys(Keys.ARROW_LEFT, Keys.ARROW_LEFT, Keys.ARROW_RIGHT)
        self.expect_shown(2, 1, page.T - 2)
        keys(Keys.HOME, Keys.ARROW_LEFT)
        self.expect_shown(2, 1, 0)
        keys(Keys.END, Keys.ENTER, Keys.ARROW_LEFT, Keys.ARROW_LEFT)
        weight = page.weights(2, 1, page.T - 1, True)[page.T - 3]
        self.assertIn(f'looks at {page.T - 3} ', self.said())
        self.assertIn(f'with a weight of {weight:.5f}.', self.said())
        self.assertEqual(self.run_js('return text.getAttribute("aria-activedescendant")'), f'token-{page.T - 3}')
        keys(Keys.ESCAPE)
        self.expect_shown(2, 1, page.T - 1)
        self.expect_quiet()

    def test_hostile_text_is_harmless_and_visible(self):
        page = self.open('hostile')
        shown = ''.join(page.tokens)
        for part in ('</script><img·src=x·onerror="window.broken=1">"\'&amp;`${1}↵\\x00\\x0D⇥\\x1B[31m\\x7F·',
                     'U+200FrU+202E·', 'U+FEFFU+2028', '<svg·onload=window.broken=1>', '\\xFF\\xC3·</div></main>'):
            self.assertIn(part, shown)
        self.expect_harmless()
        page = self.open('specials')
        self.assertEqual(''.join(page.tokens), 'so·'.join(SPECIALS).replace(' ', '·'))
        self.assertEqual(self.run_js('return document.querySelectorAll(".special").length'), len(SPECIALS))
        self.expect_harmless()
        page = self.open('hostile bytes')
        self.assertIn('U+200F\u00b3\u2044\u2083r', ''.join(page.tokens))
        self.expect_harmless()
        page = self.open('hostile pair')
        self.assertEqual(page.tokens[:-1], page.sources[:-1])
        self.assertIn('<svg·onload=window.broken=1>', ''.join(page.sources))
        self.expect_harmless()

    def expect_harmless(self):
        texts = self.run_js('return [tokens, sources].map(list => list.map(token => token.textContent))')
        self.assertEqual(texts, [self.page.tokens, self.page.sources])
        for token in self.find('.text .token'):
            self.hover(token)
        self.assertEqual(self.find('img, svg, iframe, object, embed, a, form, b b, [onclick]'), [])
        self.assertEqual(len(self.find('main > section')), 2)
        self.assertIsNone(self.run_js('return window.broken'))
        places = self.run_js('''
            const frame = text.getBoundingClientRect(), line = parseFloat(getComputedStyle(text).lineHeight);
            const top = frame.top + parseFloat(getComputedStyle(text).paddingTop) - text.scrollTop;
            return tokens.map(token => token.getClientRects()[0]).map(box =>
                [Math.floor((box.y + box.height / 2 - top) / line), box.x, box.width, frame.right - box.right])''')
        self.assertEqual(sorted(places), places)  # lines from the top, and each from left to right
        self.assertGreater(min(width for _, _, width, _ in places), 2)  # what has no width cannot be hovered
        self.assertGreater(min(room for _, _, _, room in places), 0)
        self.expect_quiet()

    def test_the_pictures_of_all_heads_are_on_one_scale(self):
        page = self.open('bert')
        heads = [(layer, head) for layer in range(page.layers) for head in range(page.heads)]
        full = max(page.full(*place) for place in heads)
        self.assertIn(f'{100 * full:.{1 if full < .1 else 0}f} %', self.find('main > section .hint')[0].text)
        for layer, head in heads + [(0, page.heads), (page.layers, page.heads)]:
            pixels = self.run_js('''const canvas = buttons[placeOf(...arguments)].firstChild;
                const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
                return Array.from({length: data.length / 4}, (_, i) => data.slice(4 * i, 4 * i + 3).join(' '))''', layer, head)
            ramp = self.run_js('return Array.from({length: 256}, (_, i) => colours.slice(3 * i, 3 * i + 3).join(" "))')
            steps = [step for row in page.rows(layer, head) for step in row]
            for pixel, step in zip(pixels, steps, strict=True):
                level = 255 * min(step / STEPS / full, 1) ** .5 + .5
                self.assertIn(pixel, {ramp[int(min(max(level + off, 0), 255))] for off in (-2e-3, 2e-3)})

    def test_means_of_heads_are_pictures_like_heads(self):
        page = self.open('causal')
        for layer, name in ((1, 'Layer 1, mean of its heads'), (3, 'Mean of all heads')):
            self.find(f'#overview button[aria-label="{name}"]')[0].click()
            self.expect_shown(layer, 4, page.T - 1)
        keys = lambda *pressed: ActionChains(browser, duration=0).send_keys(*pressed).perform()
        keys(Keys.ARROW_UP)
        self.expect_shown(2, 4, page.T - 1)
        keys(Keys.ARROW_LEFT, Keys.ARROW_DOWN)  # below a head there is no mean
        self.expect_shown(2, 3, page.T - 1)
        self.open('one')
        self.assertEqual(len(self.find('#overview button')), 1)
        self.expect_quiet()

    def test_what_is_expected_is_named_for_every_token(self):
        for name in ('causal', 'bert', 'pieces', 'chinese', 'pair', 'one'):
            with self.subTest(name):
                page = self.open(name)
                self.assertEqual(len(page.expected), page.T)
                for at, token in enumerate(self.find('#text .token')):
                    self.hover(token)
                    self.expect_shown(0, 0, at)
        page = self.open('pair')
        self.hover(self.find('#source .token')[1])
        self.expect_shown(0, 0, 1, forward=False)  # of a source nothing is
        self.expect_quiet()

    def test_a_character_in_pieces_is_shown_as_the_character_with_its_part(self):
        page = self.open('chinese')
        shown = ''.join(page.tokens)
        for part in ('\u4f60\u00b9\u2044\u2083\u4f60\u00b2\u2044\u2083\u4f60\u00b3\u2044\u2083\u597d', '\u00e9\u00b9\u2044\u2082\u00e9\u00b2\u2044\u2082',
                     'U+2028\u00b9\u2044\u2083', 'U+200F\u00b3\u2044\u2083\\xE4'):
            self.assertIn(part, shown)
        self.expect_harmless()
        for token in self.find('#text .token'):  # none is broken between two lines
            self.assertEqual(self.run_js('return arguments[0].getClientRects().length', token), 1)
        self.assertIn('the first of two tokens', ' '.join(hint.text for hint in self.find('.hint')))

    def test_a_head_with_a_name_has_a_sign(self):
        page = self.open('causal')
        path = folder / 'named.html'
        names = ['<span title=""></span>'] * 12
        names[5] = '<span title="previous-token 0.87, induction 0.41">PI</span>'
        path.write_text(re.sub('id="names" hidden>.*?</div>', f'id="names" hidden>{"".join(names)}</div>',
                               page.path.read_text(encoding='utf-8')), encoding='utf-8')
        page = self.open('named')
        self.assertEqual([button.text for button in self.find('#overview button') if button.text], ['PI'])
        self.assertEqual(self.run_js('return buttons[placeOf(1, 1)].innerText'), 'PI')
        self.select(1, 1)
        self.assertEqual(self.find('#called')[0].text, 'previous-token 0.87, induction 0.41')
        self.assertEqual(self.run_js('return document.activeElement, buttons[placeOf(1, 1)].getAttribute("aria-label")'),
                         'Layer 1, head 1, previous-token 0.87, induction 0.41')
        self.select(1, 2)
        self.assertEqual(self.find('#called')[0].text, '')
        self.expect_shown(1, 2, page.T - 1)
        self.expect_quiet()

    def test_the_policy_holds_should_something_slip_through(self):
        self.open('causal')
        blocked = browser.execute_async_script('''
            const done = arguments[0], blocked = [];
            document.addEventListener('securitypolicyviolation', event => blocked.push(event.effectiveDirective));
            document.body.insertAdjacentHTML('beforeend', '<img src="http://127.0.0.1:9/x" onerror="window.broken=1">');
            document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.broken = 2'}));
            fetch('http://127.0.0.1:9/y').catch(() => setTimeout(() => done(blocked.sort()), 300));''')
        self.assertEqual(blocked, ['connect-src', 'img-src', 'script-src-attr', 'script-src-elem'])
        self.assertIsNone(self.run_js('return window.broken'))

    def test_a_server_is_asked_for_the_page_and_for_nothing_else(self):
        asked = []

        class Handler(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *_):
                asked.append(self.path)

        server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Handler, directory=folder))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.open('causal')
        browser.get_log('performance')
        address = f'http://127.0.0.1:{server.server_port}/causal.html'
        browser.get(address)
        self.hover(self.find('#text .token')[4])
        self.expect_shown(0, 0, 4)
        time.sleep(.5)  # an icon is asked for late
        server.shutdown()
        server.server_close()
        self.assertEqual(asked, ['/causal.html'])
        self.expect_quiet(address)

    def test_it_fits_wide_and_narrow_windows(self):
        for width in (360, 700, 1000, 1920):
            for name in ('long', 'hostile', 'one', 'wide pair', 'tall pair', 'hostile pair'):
                with self.subTest(width=width, name=name):
                    metrics = {'width': width, 'height': 900, 'deviceScaleFactor': 2, 'mobile': False}
                    browser.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', metrics)
                    self.open(name)
                    self.assertLessEqual(self.run_js('return document.documentElement.scrollWidth'), width)
                    self.hover(self.find('#text .token')[0])
                    self.expect_shown(0, 0, 0)
                    self.expect_quiet()
        browser.execute_cdp_cmd('Emulation.clearDeviceMetricsOverride', {})

    def test_the_colours_follow_the_system_while_the_page_is_open(self):
        self.open('causal')
        colours = 'return [colour(0), getComputedStyle(document.body).backgroundColor]'
        light = self.run_js(colours)
        dark = {'features': [{'name': 'prefers-color-scheme', 'value': 'dark'}]}
        browser.execute_cdp_cmd('Emulation.setEmulatedMedia', dark)
        self.run_js('return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))')
        self.expect_shown(0, 0, self.page.T - 1)
        for before, after in zip(light, self.run_js(colours)):
            self.assertGreater(lightness(before), lightness(after) + 300)


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory(prefix='primer-page-') as name:
        folder = pathlib.Path(name)
        make_pages(os.path.abspath(sys.argv[1]), folder)
        browser = open_browser()
        try:
            result = unittest.main(argv=sys.argv[:1], verbosity=2, exit=False).result
        finally:
            browser.quit()
    sys.exit(0 if result.wasSuccessful() else 1)
