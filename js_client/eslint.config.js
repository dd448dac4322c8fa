import js from "@eslint/js";

export default [
  { ignores: ["dist"] },
  js.configs.recommended,
  {
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      complexity: ["error", 15],
      curly: ["error", "multi-line"],
      eqeqeq: ["error", "always", { null: "ignore" }],
      "max-depth": ["error", 3],
      "max-statements": ["error", 25],
      "max-params": ["error", 5],
      "no-console": "error",
      "no-else-return": "error",
      "no-param-reassign": "error",
      "no-throw-literal": "error",
      "no-undef": "off", // tsc knows every name
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
      "prefer-template": "error",
    },
  },
];
