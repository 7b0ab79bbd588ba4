import { expect, test } from "@jest/globals";
import { Connection } from "@temporalio/client";
import { SEARCH_ATTRIBUTES } from "../../workers/dev-server-flags.js";
import { temporalAddress } from "../harness/environment.js";

test("the embedded server knows the contract's search attributes from its first line on", async () => {
  const connection = await Connection.connect({ address: temporalAddress() });
  try {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace: "default" });
    expect(Object.keys(customAttributes)).toEqual(expect.arrayContaining(Object.keys(SEARCH_ATTRIBUTES)));
  } finally {
    await connection.close();
  }
});
