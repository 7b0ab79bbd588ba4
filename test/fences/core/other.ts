import { left } from "./left.js"; // breaks suspicious/noImportCycles

export const other = left;
