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
  let pressed = null, opener = null;
  const open = dialog => {
    opener ??= document.activeElement === document.body ? pressed : document.activeElement;
    dialog.showModal();
  };
  const settle = root => {
    $$("dialog[data-open]", root).forEach(dialog => { if (!dialog.open) open(dialog); });
    $("[data-focus]", root)?.focus();
    $$("[data-some]", root).forEach(box => { box.indeterminate = true; });
  };
  document.addEventListener("DOMContentLoaded", () => settle(document));
  document.addEventListener("htmx:afterSettle", event => settle(event.detail.elt));
  document.addEventListener("click", event => {
    const target = event.target;
    pressed = target.closest("a, button");
    target.closest("[data-dismiss]")?.closest(".flash").remove();
    if (target.closest("[data-close]")) { event.preventDefault(); target.closest("dialog")?.close(); }
    const copy = target.closest("[data-copy]");
    if (copy) navigator.clipboard?.writeText(copy.dataset.copy).then(() => say(copy.dataset.copied));
    const button = target.closest("[data-opens]");
    if (button) { event.preventDefault(); open(document.getElementById(button.dataset.opens)); }
  });
  // The focus goes back to what opened the dialog; when that was in a menu, to the button of the menu.
  document.addEventListener("close", event => {
    if (!event.target.matches("dialog")) return;
    if (event.target.closest("#sheet")) $("#sheet").replaceChildren();
    const menu = opener?.closest("[popover]");
    (menu ? $(`[popovertarget="${menu.id}"]`) : opener)?.focus();
    opener = null;
  }, true);

  // --- Fields that belong to a choice: <… data-shown-when="name=value">
  const choose = () => $$("[data-shown-when]").forEach(part => {
    const [name, value] = part.dataset.shownWhen.split("=");
    const chosen = $(`[name="${name}"]:checked`) || $(`select[name="${name}"]`);
    part.hidden = chosen?.value !== value;
  });
  document.addEventListener("change", choose);
  document.addEventListener("DOMContentLoaded", choose);
  document.addEventListener("htmx:afterSettle", choose);

  // --- On a phone the tabs may be wider than the screen: the current one is in sight
  $$(".tabs [aria-current]").forEach(tab => { tab.parentElement.scrollLeft = tab.offsetLeft - (innerWidth - tab.offsetWidth) / 2; });

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

  // --- Lists that change in place: a link to the same page inside [data-live] loads into the part it names
  document.addEventListener("click", event => {
    const link = event.target.closest?.("[data-live] a[href]");
    if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const url = new URL(link.href);
    if (url.origin !== location.origin || url.pathname !== location.pathname || link.matches("[data-edit]")) return;
    event.preventDefault();
    const part = link.closest("[data-live]").dataset.live;
    const head = link.closest("thead");
    link.closest("[popover]")?.hidePopover();
    htmx.ajax("GET", url.pathname + url.search, { source: part, target: part, swap: "innerHTML", push: url.pathname + url.search }).then(() => {
      if (head) $("thead [aria-sort]:not([aria-sort=none]) a", $(part))?.focus();
    });
  });
  document.addEventListener("toggle", event => { if (event.newState === "open") $("[data-first]", event.target)?.focus(); }, true);

  // --- The selection is kept by the server: each change sends what is ticked among the rows that are shown
  const ticks = () => $$("[data-tick]");
  const showHead = () => {
    const all = $("[data-tick-all]");
    if (!all) return;
    const boxes = ticks(), on = boxes.filter(box => box.checked).length;
    all.checked = on > 0 && on === boxes.length;
    all.indeterminate = on > 0 && on < boxes.length;
    if ($("#page-ticked")) $("#page-ticked").hidden = !all.checked;
  };
  const keep = () => {
    const form = $("#rows");
    const values = { kind: form.elements.kind.value, shown: $('[form="rows"][name="shown"]').value };
    const on = ticks().filter(box => box.checked).map(box => box.value);
    if (on.length) values[values.kind] = on.join();
    htmx.ajax("POST", form.action, { source: "#results", target: "#selection", swap: "innerHTML", values });
  };
  document.addEventListener("change", event => {
    if (event.target.matches("[data-tick-all]")) ticks().forEach(box => { box.checked = event.target.checked; });
    else if (!event.target.matches("[data-tick]")) return;
    showHead();
    keep();
  });
  document.addEventListener("click", event => {
    if (!event.target.closest("[data-untick]")) return;
    ticks().forEach(box => { box.checked = false; });
    showHead();
  });
  document.addEventListener("keydown", event => {
    if (event.key !== "x" || event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input:not([data-tick]), textarea, select")) return;
    $("[data-tick]", event.target.closest("tr") || document.createElement("i"))?.click();
  });

  // --- One field of a row is edited where it stands: Enter saves, Esc leaves it as it was
  const before = new WeakMap();
  const leaveField = cell => {
    const kept = before.get(cell);
    if (!kept) return;
    cell.replaceChildren(...kept);
    before.delete(cell);
    $("[data-edit]", cell)?.focus();
  };
  document.addEventListener("click", event => {
    const link = event.target.closest?.("a[data-edit]");
    if (link && !(event.button || event.metaKey || event.ctrlKey || event.shiftKey)) {
      event.preventDefault();
      const cell = link.closest("td"), rows = link.closest("[data-rows]").dataset.rows;
      const query = new URLSearchParams(location.search);
      query.set("field", link.dataset.edit);
      before.set(cell, [...cell.childNodes]);
      htmx.ajax("GET", `${rows}/${link.closest("tr").id.slice(1)}/edit?${query}`, { source: cell, target: cell, swap: "innerHTML" });
    }
    const leaver = event.target.closest?.("[data-leave]");
    if (leaver) leaveField(leaver.closest("td"));
  });
  document.addEventListener("htmx:afterSettle", event => {
    const field = $("[data-in-place] [name=value][data-focus]", event.detail.elt);
    if (field?.matches("input")) field.select();
    else if (field?.matches("textarea")) field.setSelectionRange(field.value.length, field.value.length);
  });
  document.addEventListener("keydown", event => {
    const field = event.target.closest?.("[data-in-place]");
    if (!field) return;
    if (event.key === "Escape") { event.preventDefault(); leaveField(field.closest("td")); }
    if (event.key === "Enter" && event.target.matches("textarea") && !event.shiftKey) { event.preventDefault(); field.requestSubmit(); }
  });
  document.addEventListener("change", event => { if (event.target.matches("[data-in-place] select")) event.target.form.requestSubmit(); });

  // --- A double press must not send twice
  document.addEventListener("submit", event => {
    const form = event.target;
    if (form.method !== "post" || event.defaultPrevented) return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    setTimeout(() => { delete form.dataset.sent; }, event.submitter?.matches("[data-download]") ? 500 : 4000);
  });
  addEventListener("pageshow", () => $$("form[data-sent]").forEach(form => { delete form.dataset.sent; }));

  // --- The week: each cell saves by itself; arrows and Enter walk, Esc takes back
  const fields = () => $$(".week td.d input");
  const saved = input => input.value.trim() === input.defaultValue && !input.classList.contains("is-invalid");
  const saveCell = cell => {
    // One after the other: the answer to a save carries the version that the next one builds on.
    cell.saving = (cell.saving || Promise.resolve()).then(() => {
      const input = $("input", cell);
      if (!input || saved(input)) return null;
      document.getElementById(input.getAttribute("aria-describedby"))?.remove();
      cell.sent = input.value;
      cell.setAttribute("hx-params", "cell,hours");
      return htmx.ajax("POST", cell.closest("form").dataset.week, {
        source: cell, target: cell, swap: "innerHTML", values: { cell: input.name, hours: input.value },
      });
    });
  };
  const walk = (input, rows, columns) => {
    const row = input.closest("tr");
    const column = [...row.children].indexOf(input.closest("td")) + columns;
    let to = row;
    do {
      to = rows < 0 ? to.previousElementSibling : rows > 0 ? to.nextElementSibling : to;
      const next = to && $("input, a", to.children[column] ?? document.createElement("td"));
      if (next) { next.focus(); return true; }
    } while (to && rows);
    return false;
  };
  document.addEventListener("change", event => {
    if (event.target.matches(".week td.d input")) saveCell(event.target.closest("td"));
  });
  document.addEventListener("focusin", event => {
    if (event.target.matches(".week td.d input")) event.target.select();
  });
  document.addEventListener("keydown", event => {
    const input = event.target;
    if (!input.matches?.(".week td.d :is(input, a)") || event.altKey || event.ctrlKey || event.metaKey) return;
    const isField = input.matches("input");
    const atStart = !isField || input.selectionEnd === 0 || (input.selectionStart === 0 && input.selectionEnd === input.value.length);
    const atEnd = !isField || input.selectionStart === input.value.length || (input.selectionStart === 0 && input.selectionEnd === input.value.length);
    if (event.key === "Enter" && isField) {
      event.preventDefault();
      saveCell(input.closest("td"));
      if (!walk(input, event.shiftKey ? -1 : 1, 0)) input.blur();
    } else if (event.key === "Escape" && isField) {
      if (input.classList.contains("is-invalid")) {
        document.getElementById(input.getAttribute("aria-describedby"))?.remove();
        input.classList.remove("is-invalid");
        input.removeAttribute("aria-invalid");
        input.defaultValue = input.dataset.was;
      }
      input.value = input.defaultValue;
      input.select();
    } else if (event.key === "F2" && isField) {
      $(".cell-note", input.closest("td"))?.click();
    } else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      event.preventDefault();
      walk(input, event.key === "ArrowUp" ? -1 : 1, 0);
    } else if ((event.key === "ArrowLeft" && atStart) || (event.key === "ArrowRight" && atEnd)) {
      if (walk(input, 0, event.key === "ArrowLeft" ? -1 : 1)) event.preventDefault();
    }
  });
  // What is being typed in a cell while its answer arrives stays.
  document.addEventListener("htmx:beforeSwap", event => {
    const cell = event.detail.target;
    if (!cell.matches?.(".week td.d")) return;
    const input = $("input", cell);
    cell.kept = input && input === document.activeElement ? { typed: input.value === cell.sent ? null : input.value } : null;
  });
  document.addEventListener("htmx:afterSwap", event => {
    const cell = event.detail.target;
    if (!cell.matches?.(".week td.d") || !cell.kept) return;
    const input = $("input", cell);
    if (input && cell.kept.typed !== null) input.value = cell.kept.typed;
    input?.focus();
    cell.kept = null;
  });
  // Leaving the page waits for what is still being saved, and asks when something could not be.
  const unsaved = () => fields().filter(input => input.value.trim() !== input.defaultValue && !input.classList.contains("is-invalid"));
  const afterSaving = (event, go) => {
    const waiting = unsaved();
    if (!waiting.length || event.defaultPrevented) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    waiting.forEach(input => saveCell(input.closest("td")));
    Promise.all(waiting.map(input => input.closest("td").saving)).then(() => { if (!unsaved().length) go(); });
  };
  document.addEventListener("click", event => {
    const link = event.target.closest?.("a[href]:not([hx-get], [data-in-sheet], [target])");
    if (link && !event.button && !event.ctrlKey && !event.metaKey && !event.shiftKey) afterSaving(event, () => { location.href = link.href; });
  }, true);
  document.addEventListener("submit", event => {
    if (!event.target.matches(".sheet form")) afterSaving(event, () => event.target.requestSubmit(event.submitter));
  }, true);
  addEventListener("beforeunload", event => { if (unsaved().length) event.preventDefault(); });

  // --- What the reader opened or closed stays so when the part around it is drawn again
  let opened = new Map();
  const keyed = () => $$("details[data-key]");
  document.addEventListener("htmx:beforeSwap", () => { opened = new Map(keyed().map(part => [part.dataset.key, part.open])); });
  document.addEventListener("htmx:afterSwap", () => keyed().forEach(part => { part.open = opened.get(part.dataset.key) ?? part.open; }));

  // --- A link whose page opens over this one
  document.addEventListener("click", event => {
    const link = event.target.closest?.("a[data-in-sheet]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    htmx.ajax("GET", `${link.getAttribute("href")}?next=${encodeURIComponent(location.pathname + location.search)}`, { source: link, target: "#sheet" });
  });
})();
