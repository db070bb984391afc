"use strict";
(() => {
  const form = document.querySelector(".filters");
  const claims = [...document.querySelectorAll(".claim")];
  const output = form.querySelector("output");
  const fields = [...form.elements].filter((field) => field.name);
  const texts = new Map();

  const text = (claim) => {
    if (!texts.has(claim)) texts.set(claim, `${claim.id} ${claim.textContent}`.toLowerCase());
    return texts.get(claim);
  };

  const papers = (claim) =>
    [...claim.querySelectorAll(".printed a")].map((link) => link.textContent).join("\n") || "our own";

  const told = (claim, name) => name === "paper" ? papers(claim) :
    claim.dataset[name] ?? claim.querySelector(`.status .${name}`)?.textContent ?? "";

  const fits = (claim) => fields.every(({ name, value }) => {
    if (!value) return true;
    if (name === "text") {
      return value.toLowerCase().split(/\s+/).every((word) => text(claim).includes(word));
    }
    if (name === "verdict") return claim.classList.contains(value);
    return told(claim, name).split("\n").includes(value);
  });

  const show = () => {
    let hits = 0;
    for (const claim of claims) {
      claim.hidden = !fits(claim);
      hits += !claim.hidden;
    }
    output.textContent = `${hits} of ${claims.length} claims`;
  };

  const remember = () => {
    const asked = new URLSearchParams();
    for (const { name, value } of fields) if (value) asked.set(name, value);
    const query = asked.toString();
    history.replaceState(null, "", location.pathname + (query && `?${query}`) + location.hash);
  };

  const recall = (query) => {
    const asked = new URLSearchParams(query);
    for (const field of fields) field.value = asked.get(field.name) ?? "";
    show();
  };

  // Firefox lays out claims only as they come near, so that what is below them moves once more.
  const arrive = (target, frames) => {
    target.scrollIntoView();
    if (frames) requestAnimationFrame(() => arrive(target, frames - 1));
  };

  const reveal = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    if (target.hidden) {
      recall("");
      remember();
    }
    for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    arrive(target, target.ownerSVGElement ? 0 : 10);
  };

  const change = () => {
    show();
    remember();
  };

  for (const claim of claims) {
    const link = document.createElement("a");
    link.className = "permalink";
    link.href = `#${claim.id}`;
    link.textContent = "#";
    link.setAttribute("aria-label", "Link to this claim");
    claim.querySelector("h3").append(" ", link);
  }
  // Chromium and Firefox let the keyboard reach what scrolls by themselves; others do not yet.
  for (const region of document.querySelectorAll(".scroll")) region.tabIndex = 0;
  form.hidden = claims.length < 2;
  form.addEventListener("input", change);
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    recall("");
    remember();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", reveal);
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.('.counts a[href^="?"]');
    if (!link) return;
    event.preventDefault();
    recall(link.search);
    location.hash = "claims";
    remember();
  });
  document.addEventListener("mouseover", (event) => {
    const term = event.target.closest?.('a[href^="#word:"]');
    if (term && !term.title) {
      const word = document.getElementById(decodeURIComponent(term.hash.slice(1)));
      if (word) term.title = word.nextElementSibling.textContent;
    }
  });
  recall(location.search);
  reveal();
})();
