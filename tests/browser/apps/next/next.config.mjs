import documented from "./documented.config.mjs";

// The packages lie beside the application, not below it.
export default { ...documented, turbopack: { root: "/" } };
