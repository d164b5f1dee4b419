// What pages need beyond plain forms and htmx. Everything works without it; this makes it quicker.
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

  // --- Every htmx request carries the form token
  document.addEventListener("htmx:configRequest", event => {
    event.detail.headers["X-CSRFToken"] = $('meta[name="csrf-token"]').content;
  });

  // --- Messages
  const STAYS = 8000;
  const leave = flash => {
    if (flash.classList.contains("is-bad")) return;
    let timer = setTimeout(() => flash.remove(), STAYS);
    for (const [stop, go] of [["pointerenter", "pointerleave"], ["focusin", "focusout"]]) {
      flash.addEventListener(stop, () => clearTimeout(timer));
      flash.addEventListener(go, () => { timer = setTimeout(() => flash.remove(), STAYS); });
    }
  };
  const say = (message, kind = "ok") => {
    const flash = $("#flash-template").content.firstElementChild.cloneNode(true);
    flash.classList.add(`is-${kind}`);
    $(kind === "bad" ? ".for-ok" : ".for-bad", flash).remove();
    $("span", flash).textContent = message;
    $("#flashes").append(flash);
    leave(flash);
  };
  $$(".flash").forEach(leave);
  document.addEventListener("toast", event => say(event.detail.message, event.detail.kind));
  document.addEventListener("htmx:sendError", () => say($("#words").dataset.network, "bad"));
  document.addEventListener("htmx:responseError", event => {
    const answer = new DOMParser().parseFromString(event.detail.xhr.responseText, "text/html");
    const text = $("[data-alert]", answer)?.textContent.trim();
    say(text || $("#words").dataset.error, "bad");
  });

  // --- Dialogs, closing, first focus
  const settle = root => {
    $$("dialog[data-open]", root).forEach(dialog => { if (!dialog.open) dialog.showModal(); });
    $("[data-focus]", root)?.focus();
    $$("[data-some]", root).forEach(box => { box.indeterminate = true; });
  };
  document.addEventListener("DOMContentLoaded", () => settle(document));
  document.addEventListener("htmx:afterSettle", event => settle(event.detail.elt));
  document.addEventListener("click", event => {
    const target = event.target;
    target.closest("[data-dismiss]")?.closest(".flash").remove();
    if (target.closest("[data-close]")) { event.preventDefault(); target.closest("dialog")?.close(); }
    const copy = target.closest("[data-copy]");
    if (copy) navigator.clipboard?.writeText(copy.dataset.copy).then(() => say(copy.dataset.copied));
    const opener = target.closest("[data-opens]");
    if (opener) { event.preventDefault(); document.getElementById(opener.dataset.opens)?.showModal(); }
  });
  document.addEventListener("close", event => { if (event.target.closest?.("#sheet")) $("#sheet").replaceChildren(); }, true);

  // --- Fields that belong to a choice: <… data-shown-when="name=value">
  const choose = () => $$("[data-shown-when]").forEach(part => {
    const [name, value] = part.dataset.shownWhen.split("=");
    const chosen = $(`[name="${name}"]:checked`) || $(`select[name="${name}"]`);
    part.hidden = chosen?.value !== value;
  });
  document.addEventListener("change", choose);
  document.addEventListener("DOMContentLoaded", choose);

  // --- A filter that is chosen from a list is applied at once
  document.addEventListener("change", event => {
    if (event.target.matches("[data-apply]")) event.target.form.requestSubmit();
  });

  // --- Tick boxes: the head box ticks the page, shift ticks a range
  let last = null;
  document.addEventListener("click", event => {
    const box = event.target.closest?.("[data-tick]");
    if (!box) return;
    const boxes = $$("[data-tick]");
    if (event.shiftKey && last && boxes.includes(last)) {
      const [from, to] = [boxes.indexOf(last), boxes.indexOf(box)].sort((a, b) => a - b);
      boxes.slice(from, to + 1).forEach(one => { if (!one.disabled) one.checked = box.checked; });
    }
    last = box;
  });

  // --- A double press must not send twice
  document.addEventListener("submit", event => {
    const form = event.target;
    if (form.method !== "post" || event.defaultPrevented) return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    setTimeout(() => { delete form.dataset.sent; }, 4000);
  });
  addEventListener("pageshow", () => $$("form[data-sent]").forEach(form => { delete form.dataset.sent; }));
})();
