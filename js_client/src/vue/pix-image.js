/** A component that shows an image in an `<img>`. */

import { computed, defineComponent, h, shallowRef } from "vue";

import { blurOf, sizeOf, srcOf } from "../view/frame.js";
import { useImage } from "./use-image.js";

/** @import { FrameProps } from "../view/frame.js" */

/**
 * The slot `error`, which gets `error` and `retry`, replaces the `<img>` if the image fails. All other attributes go to
 * the `<img>`; its `load` event is passed on for the picture, not for its placeholder.
 *
 * @typedef {FrameProps} PixImageProps
 */

export const PixImage = defineComponent(
  (/** @type {PixImageProps} */ props, { attrs, slots }) => {
    const image = shallowRef();
    const size = computed(() => sizeOf(props.record, props.width, props.height));
    const blur = computed(() => blurOf(props.placeholder ?? props.record?.placeholder, size.value));
    const { url, status, error, retry } = useImage(
      () => props.record ?? props.id,
      () => ({ ...size.value, lazy: props.loading === "eager" ? null : image.value }),
    );
    return () =>
      (status.value === "error" && slots["error"]?.({ error: error.value, retry })) ||
      h("img", {
        decoding: "sync", // the view has decoded it already
        ...attrs,
        ...size.value,
        id: props.imgId,
        alt: props.alt,
        ref: image,
        src: srcOf({ status: status.value, url: url.value }, blur.value),
        onLoad: url.value && attrs["onLoad"],
        "data-status": status.value,
      });
  },
  {
    name: "PixImage",
    props: ["alt", "height", "id", "imgId", "loading", "placeholder", "record", "width"],
    inheritAttrs: false,
  },
);
