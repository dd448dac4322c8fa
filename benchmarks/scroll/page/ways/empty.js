/** No pictures. */

export const show = () => {};
