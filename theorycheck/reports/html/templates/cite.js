"use strict";
(() => {
  const foot = document.querySelector("footer").dataset;
  const TEX = { "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}" };
  const tex = (text) => text.replace(/[\\{}$&#_%~^]/g, (sign) => TEX[sign] ?? `\\${sign}`);
  const text = (claim, part) => claim.querySelector(part)?.textContent.trim().replace(/\s+/g, " ") ?? "";
  const upper = (word) => word[0].toUpperCase() + word.slice(1);

  const about = (claim) => {
    const [, verdict] = claim.classList, strength = text(claim, ".strength");
    const printed = text(claim, ".printed");
    return {
      id: claim.id,
      title: claim.querySelector("h3").firstChild.textContent.trim(),
      verdict: strength ? `${verdict} (${strength})` : verdict,
      printed: claim.querySelector(".printed a") ? ` on ${printed}` : "",
      report: `Claim report by theorycheck ${foot.version}, digest ${foot.digest}`
        + (foot.commit ? `, commit ${foot.commit}` : ""),
      address: location.protocol.startsWith("http") ? location.href.replace(/[?#].*/, "") + `#${claim.id}` : "",
    };
  };

  const plain = ({ id, title, verdict, printed, report, address }) =>
    `“${title}”: ${verdict}. Claim ${id}${printed}. ${report}.${address && ` ${address}`}`;

  const bibtex = ({ id, title, verdict, printed, report, address }) => [
    `@misc{${id},`,
    `  title = {{${tex(title)}}},`,
    `  note = {${tex(`${upper(verdict)}. Claim ${id}${printed}`)}},`,
    ...(address ? [`  url = {${address}},`] : []),
    `  howpublished = {${tex(report)}}`,
    "}",
  ].join("\n");

  const element = (tag, name, content = "") => {
    const made = document.createElement(tag);
    made.className = name;
    made.textContent = content;
    return made;
  };

  const copy = async (button, shown) => {
    getSelection().selectAllChildren(shown);
    try {
      await navigator.clipboard.writeText(shown.textContent);
    } catch {
      document.execCommand("copy");
    }
    button.textContent = "Copied";
  };

  const show = (claim) => {
    const panel = element("div", "citation");
    for (const [label, write] of [["as text", plain], ["as BibTeX", bibtex]]) {
      const shown = element("pre", "scroll", write(about(claim)));
      const button = element("button", "copy", `Copy ${label}`);
      button.type = "button";
      button.addEventListener("click", () => copy(button, shown));
      panel.append(shown, button);
    }
    claim.querySelector("header").append(panel);
  };

  for (const status of document.querySelectorAll(".claim .status")) {
    const button = element("button", "cite", "Cite");
    button.type = "button";
    button.setAttribute("aria-expanded", "false");
    status.append(button);
  }
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.(".cite");
    if (!button) return;
    const claim = button.closest(".claim"), panel = claim.querySelector(".citation");
    if (panel) panel.remove();
    else show(claim);
    button.setAttribute("aria-expanded", String(!panel));
  });
})();
