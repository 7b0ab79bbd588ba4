/** The file that a topic is. @throws RangeError for a name that no file can have */
export function topicFile(topic: string, topics: { readonly events: string; readonly audit: string }): string {
  if (topic === topics.events) return "events.jsonl";
  if (topic === topics.audit) return "audit.jsonl";
  if (!/^[A-Za-z0-9._-]{1,200}$/.test(topic) || ["events", "audit"].includes(topic.toLowerCase())) {
    throw new RangeError(
      `${JSON.stringify(topic)} is no topic that can have a file: letters, digits, ".", "_" and "-"`,
    );
  }
  return `${topic}.jsonl`;
}
