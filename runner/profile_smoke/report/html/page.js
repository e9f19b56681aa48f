// What the page does beyond what it is: filter cells, open the one that is led to, copy. All of it is readable without.
"use strict";
(() => {
  const cells = [...document.querySelectorAll(".cell")];
  const element = (name, properties) => Object.assign(document.createElement(name), properties);

  const copyable = (root) => {
    if (!navigator.clipboard) return;
    for (const block of root.querySelectorAll(".command")) {
      const text = block.textContent;
      const button = element("button", { type: "button", className: "copy", textContent: "Copy" });
      button.addEventListener("click", async () => {
        try {
          await navigator.clipboard.writeText(text);
          button.textContent = "Copied";
        } catch {
          button.textContent = "Not allowed";
        }
        setTimeout(() => { button.textContent = "Copy"; }, 2000);
      });
      block.append(button);
    }
  };

  // Where there are hundreds of cells, the browser has kept what is in them as text so far. It was escaped when the page
  // was written, so that it holds no more than what the page would.
  const policy = window.trustedTypes?.createPolicy("cells", { createHTML: (text) => text });
  const fill = (cell) => {
    const kept = cell.querySelector(":scope > .body > noscript");
    if (!kept) return;
    const body = kept.parentElement;
    kept.outerHTML = policy ? policy.createHTML(kept.textContent) : kept.textContent;
    copyable(body);
  };
  document.addEventListener("toggle", (event) => {
    if (event.target.matches(".cell[open]")) fill(event.target);
  }, true);

  // Browsers open what an anchor stands in; those that do not yet are helped, and the focus follows.
  const reveal = () => {
    const body = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (!body) return;
    const fold = body.closest("details");
    if (!fold) return;
    if (fold.matches(".cell")) fill(fold);
    fold.hidden = false;
    fold.closest(".group")?.removeAttribute("hidden");
    fold.open = true;
    (fold.matches(".cell") ? fold : body).scrollIntoView({ block: "start" });
    body.focus({ preventScroll: true });
  };
  addEventListener("hashchange", reveal);
  // A second click on the same mark changes no hash.
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.('a[href^="#"]');
    if (link && link.hash === location.hash) reveal();
  });
  reveal();

  const tools = document.getElementById("tools");
  if (tools && cells.length > 1) {
    const field = element("input", { type: "search", placeholder: "Filter: profile, scenario, target, syscall" });
    field.setAttribute("aria-label", "Filter cells");
    const told = element("p", { textContent: "" });
    told.setAttribute("role", "status");
    const verdicts = [...new Set(cells.map((cell) => cell.dataset.verdict))];
    const buttons = verdicts.length < 2 ? [] : verdicts.map((verdict) => {
      const button = element("button", { type: "button", textContent: verdict });
      button.setAttribute("aria-pressed", "false");
      button.addEventListener("click", () => {
        const pressed = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", String(pressed));
        filter();
      });
      return button;
    });
    const texts = cells.map((cell) => cell.querySelector("summary").textContent.toLowerCase());
    const filter = () => {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      const chosen = buttons.filter((button) => button.getAttribute("aria-pressed") === "true")
        .map((button) => button.textContent);
      let shown = 0;
      cells.forEach((cell, index) => {
        const fits = words.every((word) => texts[index].includes(word))
          && (!chosen.length || chosen.includes(cell.dataset.verdict));
        cell.hidden = !fits;
        shown += fits;
      });
      for (const group of document.querySelectorAll(".group")) {
        group.hidden = !group.querySelector(".cell:not([hidden])");
      }
      told.textContent = shown < cells.length ? `${shown} of ${cells.length} cells` : "";
    };
    field.addEventListener("input", filter);
    tools.append(field, ...buttons, told);
    tools.hidden = false;
  }

  copyable(document);
})();
