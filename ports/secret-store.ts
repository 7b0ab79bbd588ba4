/**
 * Where secrets of tools are kept. It is asked at each call of a tool that needs one, so that a secret that was replaced is
 * the new one from then on; a store that is far away remembers for a while by itself.
 */
export interface SecretStore {
  /** Undefined: there is none of this name. Rejects where the store does not answer. */
  get(name: string): Promise<string | undefined>;
}
