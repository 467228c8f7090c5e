'use strict';

// A token of a passage says what was expected in its place: under the mouse, clicked, or reached by the arrow keys.
for (const passage of document.querySelectorAll('.passage')) {
  const tokens = Array.from(passage.querySelectorAll('.token')), said = passage.nextElementSibling;
  let at = -1;
  const show = i => {
    if (!tokens[i]) return;
    tokens[at]?.classList.remove('at');
    at = i;
    tokens[at].classList.add('at');
    said.replaceChildren(...tokens[at].cloneNode(true).childNodes, ': ' + tokens[at].title);
  };
  const under = event => show(tokens.indexOf(event.target.closest('.token')));
  passage.addEventListener('mouseover', under);
  passage.addEventListener('click', under);
  passage.addEventListener('keydown', event => {
    const by = {ArrowRight: 1, ArrowLeft: -1}[event.key];
    if (!by) return;
    event.preventDefault();
    show(Math.min(Math.max(at + by, 0), tokens.length - 1));
  });
}
