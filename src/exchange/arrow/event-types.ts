/** What the generated module of Arrow's metadata is made of. */
export { eventSchema, type EventSchema } from '../../events/schema.js';
export type { EventVector, FieldsView } from '../../events/view.js';
