import { script } from "./script.js";

/** Sets a key's time to live anew, where it holds the owner's mark: 1, else 0. Arguments: the mark, milliseconds. */
export const RENEW_OWN = script(`
  if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
  return 0
`);

/** Removes a key, where it holds the owner's mark. Arguments: the mark. */
export const DELETE_OWN = script(`
  if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
  return 0
`);
