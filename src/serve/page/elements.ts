/** Elements of the document, by their names, and new ones. */

export function byId(id: string): HTMLElement {
  return elementOf(id, HTMLElement);
}

/** One of a kind. */
export function elementOf<T extends HTMLElement>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new TypeError(`Cannot find #${id}`);
}

type Attributes = Readonly<Record<string, string | boolean | undefined>>;

/** Text is text, whatever stands in it. */
export function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(attribute, '');
    else if (typeof value === 'string') made.setAttribute(attribute, value);
  }
  made.append(...children);
  return made;
}

/** Sets text that has changed: what has not is left alone, and read out to nobody. */
export function setText(target: HTMLElement, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

export function fill(target: HTMLElement, children: readonly Node[]): void {
  target.replaceChildren(...children);
}
