// Elements of the page.

/** An element with attributes and content: `onclick` and the like are listeners, `class` its class. */
export function make(tag, attributes = {}, ...content) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...content.filter((each) => each !== null && each !== undefined));
  return element;
}

let count = 0;

/** An id that no other element has. */
export const fresh = (name) => `stdyn-${name}-${++count}`;
