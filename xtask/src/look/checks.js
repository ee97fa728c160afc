// What `cargo xtask look` wants to know of a page. Each list holds what is wrong, and is empty if all is well.
(() => {
  const name = (it) => {
    const text = (it.textContent || "").trim().replace(/\s+/g, " ").slice(0, 40);
    return `<${it.tagName.toLowerCase()} class="${it.getAttribute("class") || ""}"> ${text}`;
  };
  const few = (list) => list.slice(0, 8);
  const root = document.documentElement;
  const shown = (it) => it.checkVisibility() && it.getClientRects().length > 0;

  // Further right than the window, unless in a box of its own in which it can be moved.
  const wide = root.scrollWidth > innerWidth ? [`the page is ${root.scrollWidth} wide`] : [];
  for (const it of document.body.querySelectorAll("*")) {
    if (it.closest(".scroll") && !it.matches(".scroll")) continue;
    const right = it.getBoundingClientRect().right;
    if (shown(it) && right > innerWidth + 1) wide.push(`${name(it)} reaches ${Math.round(right)}`);
  }

  const drawings = [...document.querySelectorAll("svg")];
  const bare = drawings
    .filter((it) => !it.closest("figure")?.querySelector("table tbody tr") || !it.querySelector("title"))
    .map((it) => it.getAttribute("aria-label") || name(it));

  // Nobody can unfold paper.
  const folded = matchMedia("print").matches
    ? [...document.querySelectorAll("details > *")].filter((it) => !it.matches("summary") && !shown(it)).map(name)
    : [];

  const small = [], covered = [];
  for (const drawing of drawings) {
    const scale = drawing.getScreenCTM().a;
    const texts = [...drawing.querySelectorAll("text")].filter(shown);
    for (const it of texts) {
      const size = parseFloat(getComputedStyle(it).fontSize) * scale;
      if (size < 8.9) small.push(`${name(it)} is ${size.toFixed(1)} high`);
    }
    const boxes = texts.map((it) => it.getBoundingClientRect());
    for (let a = 0; a < boxes.length; a++) {
      for (let b = a + 1; b < boxes.length; b++) {
        const across = Math.min(boxes[a].right, boxes[b].right) - Math.max(boxes[a].left, boxes[b].left);
        const down = Math.min(boxes[a].bottom, boxes[b].bottom) - Math.max(boxes[a].top, boxes[b].top);
        // Boxes of text are a little higher than its letters.
        if (across > 1 && down > 4 * scale) {
          covered.push(`${drawing.getAttribute("aria-label")}: "${texts[a].textContent}" and "${texts[b].textContent}"`);
        }
      }
    }
  }

  // Contrast by WCAG 2: 4.5 to 1, and 3 to 1 for large text.
  const parts = (colour) => (colour.match(/[\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => {
    const part = (c) => ((c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const behind = (it) => {
    for (let at = it; at; at = at.parentElement) {
      const colour = parts(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const pale = new Set();
  for (const it of document.body.querySelectorAll("*")) {
    const own = [...it.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !shown(it) || it.closest("desc, title")) continue;
    const style = getComputedStyle(it);
    const drawn = it.closest("svg");
    const [a, b] = [light(parts(drawn ? style.fill : style.color)), light(behind(drawn || it))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const large = parseFloat(style.fontSize) >= 24;
    if (contrast < (large ? 3 : 4.5)) pale.add(`${name(it)} ${contrast.toFixed(1)} to 1`);
  }

  return {
    window: innerWidth, high: root.scrollHeight, drawings: drawings.length,
    wide: few(wide), bare: few(bare), folded: few(folded), small: few(small), covered: few(covered), pale: few([...pale]),
  };
})()
