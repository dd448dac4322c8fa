/** Renders an image of each framework on a server. */

import { bundled } from "../bundle.js";

const react = async (react18) => {
  const { PixImage, React, renderToString } = await bundled("frameworks/react-server.js", { server: true, react18 });
  return (props) => renderToString(React.createElement(PixImage, props));
};

/** By their names; each gives a function from an image's props to HTML. */
export const ON_A_SERVER = {
  React: () => react(false),
  "React 18": () => react(true),
  async Vue() {
    const { PixImage, renderToString, Vue } = await bundled("frameworks/vue-server.js", { server: true });
    return (props) => renderToString(Vue.createSSRApp({ render: () => Vue.h(PixImage, props) }));
  },
  async Svelte() {
    const { PixImage, render } = await bundled("frameworks/svelte-server.js", { server: true });
    return (props) => render(PixImage, { props }).body;
  },
};
