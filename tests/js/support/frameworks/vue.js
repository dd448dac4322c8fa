/** Vue and its test library beside the client's entry, in one bundle. */

import { mount as mountOf } from "@vue/test-utils";
import { CLIENT, PixImage } from "pixstore-asgi-client/vue";
import { createSSRApp, h, nextTick } from "vue";

export * as Vue from "vue";
export { mount as mountOf } from "@vue/test-utils";
export * from "pixstore-asgi-client/vue";

/** An image on a page. */
export async function mount(client, props) {
  const wrapper = mountOf(PixImage, { props, global: { provide: { [CLIENT]: client } }, attachTo: document.body });
  await wrapper.vm.$nextTick();
  return {
    image: () => wrapper.element,
    update: (next) => wrapper.setProps(next),
    unmount: async () => wrapper.unmount(),
  };
}

/** Hydrate the server's rendering. */
export async function hydrate(page, client, props) {
  const app = createSSRApp({ render: () => h(PixImage, props) }).provide(CLIENT, client);
  app.mount(page);
  return async () => {
    app.unmount();
    await nextTick();
  };
}
