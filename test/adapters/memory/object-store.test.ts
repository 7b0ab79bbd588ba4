import { createMemoryObjectStore } from "../../../adapters/memory/object-store.js";
import { objectStoreSuite } from "../../ports/object-store.suite.js";

const store = createMemoryObjectStore();
objectStoreSuite({ open: async () => store });
