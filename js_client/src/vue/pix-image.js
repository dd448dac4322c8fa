/** A component that shows an image in an `<img>`. */

import { computed, defineComponent, h, shallowRef } from "vue";

import { blurOf, sizeOf, srcOf } from "../view/frame.js";
import { useImage } from "./use-image.js";

/** @import { ImageRecord } from "../format/records.js" */

/**
 * One of `record` and `id`, that of the image; `imgId` is that of the `<img>`. `width` chooses the size of the picture that is got, `placeholder` is what a record has of that
 * name, `loading` is "lazy" unless "eager". The slot `error`, which has `error` and `retry`, stands there instead where the
 * image fails. All else goes to the `<img>`; its `load` is told of the picture alone.
 *
 * @typedef {object} PixImageProps
 * @property {string} alt
 * @property {ImageRecord | null | undefined} [record]
 * @property {string | null | undefined} [id]
 * @property {string | undefined} [imgId]
 * @property {number | string | undefined} [width]
 * @property {number | string | undefined} [height]
 * @property {string | undefined} [placeholder]
 * @property {"lazy" | "eager" | undefined} [loading]
 */

export const PixImage = defineComponent(
  (/** @type {PixImageProps} */ props, { attrs, slots }) => {
    const image = shallowRef();
    const size = computed(() => sizeOf(props.record, props.width, props.height));
    const blur = computed(() => blurOf(props.placeholder ?? props.record?.placeholder, size.value));
    const { url, status, error, retry } = useImage(
      () => props.record ?? props.id,
      () => ({ width: size.value.width, lazy: props.loading === "eager" ? null : image.value }),
    );
    return () =>
      (status.value === "error" && slots["error"]?.({ error: error.value, retry })) ||
      h("img", {
        decoding: "sync", // it was decoded before
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
