/** Where `wflo dev` and the Temporal CLI serve the Web UI. */
const LOCAL_UI = "http://localhost:8233";
const CLOUD_UI = "https://cloud.temporal.io";

/** The Web UI that goes with a server, where nobody says. */
export function defaultUiUrl(address: string): string {
  return /\.(tmprl\.cloud|api\.temporal\.io)(:\d+)?$/.test(address) ? CLOUD_UI : LOCAL_UI;
}

/** The page of a run in the Temporal Web UI. */
export function webUrl(uiUrl: string, namespace: string, workflowId: string, runId: string): string {
  const [ns, id, run] = [namespace, workflowId, runId].map(encodeURIComponent);
  return `${uiUrl.replace(/\/+$/, "")}/namespaces/${ns}/workflows/${id}/${run}`;
}
