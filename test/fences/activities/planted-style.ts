import "left-pad"; // breaks correctness/noUndeclaredDependencies style/noRestrictedImports

export default function run(kind: "a" | "b"): number { // breaks style/noDefaultExport
  console.log("here"); // breaks suspicious/noConsole
  const anything = kind as any; // breaks suspicious/noExplicitAny
  switch (kind) { // breaks nursery/useExhaustiveSwitchCases
    case "a":
      return anything;
  }
  return 0;
}

export enum State { // breaks style/noEnum
  On = 1,
}
