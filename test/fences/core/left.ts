import { other } from "./other.js"; // breaks suspicious/noImportCycles

export const left = () => other;
