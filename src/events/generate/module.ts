/**
 * The TypeScript module of a schema: the schema itself, and the types of its events. It is made from the
 * `.bfbs` alone, so the same bytes give the same text.
 */
import type { EnumType, StructType, TableType } from '../model.js';
import { EventSchema } from '../schema.js';
import { readDocumentation } from '../documentation.js';
import { TypeNames, typesWithin, type NamedType } from './names.js';
import { plainStruct, plainTable, unionMembers } from './plain-types.js';
import { comment, objectType, typeAlias, type Docs } from './source.js';
import { hasVectorView, structView, tableView } from './view-types.js';

/** How a module is made. */
export interface EventModuleOptions {
  /** Comment lines at the module's top, without `//`. */
  readonly header?: readonly string[];
  /** What the module imports `eventSchema` from (default `'stratalog'`). */
  readonly importFrom?: string;
}

const BASE64_CHARACTERS = 100;

/**
 * Source of a TypeScript module for the events of a schema (`flatc --binary --schema --bfbs-comments`):
 * the schema as a constant with the name of its `root_type`, the type of such an event as a plain object
 * under the same name, that of its view as `<name>View`, and whatever both are made of.
 * @throws {SchemaError} not a schema, or one without `root_type`
 */
export function generateEventModule(
  bfbs: Uint8Array,
  { header = [], importFrom = 'stratalog' }: EventModuleOptions = {},
): string {
  const schema = new EventSchema(bfbs, undefined);
  const types = typesWithin(schema.root, schema.model);
  const names = new TypeNames(types);
  const documentation = readDocumentation(bfbs);
  const docs: Docs = (name) => documentation.get(name) ?? [];
  const declarations = types.map((type) => declarationsOf(type, names, docs)).join('\n');
  const vector = types.some(hasVectorView) ? 'type EventVector, ' : '';
  return [
    ...header.map((line) => `// ${line}`),
    `import { eventSchema, type EventSchema, ${vector}type FieldsView } from '${importFrom}';`,
    '',
    declarations,
    schemaConstant(schema, names),
  ].join('\n');
}

/** Each with a line behind it. */
function declarationsOf(type: NamedType, names: TypeNames, docs: Docs): string {
  const head = comment(docs(type.name));
  switch (type.kind) {
    case 'enum':
      return `${enumDeclaration(type, names, docs)}\n`;
    case 'struct': {
      const view = structView(type, names, docs);
      return `${head}${plainStruct(type, names, docs)}\n\n${viewComment(type, names)}${view}\n`;
    }
    case 'union':
      return `${head}${typeAlias(names.of(type), unionMembers(type, names))}\n`;
    default: {
      const view = tableView(type, names, docs);
      return `${head}${plainTable(type, names, docs)}\n\n${viewComment(type, names)}${view}\n`;
    }
  }
}

function viewComment(type: StructType | TableType, names: TypeNames): string {
  return comment([`\`${names.of(type)}\`, read in place.`]);
}

/** Its names as a type, and its values as a constant. */
function enumDeclaration(type: EnumType, names: TypeNames, docs: Docs): string {
  const name = names.of(type);
  const head = comment(docs(type.name));
  const values = type.values.map(
    (each) => `${comment(docs(`${type.name}.${each.name}`))}${each.name}: ${literal(each.value)},`,
  );
  const constant = `${head}export const ${name} = ${objectType(values)} as const;`;
  if (!type.isBitFlags) return `${constant}\nexport type ${name} = keyof typeof ${name};`;
  const flag = `keyof typeof ${name}`;
  return `${constant}\n/** One name, or several with spaces between. */\nexport type ${name} = ${flag} | \`\${${flag}} \${string}\`;`;
}

function literal(value: number | bigint): string {
  return typeof value === 'bigint' ? `${value}n` : String(value);
}

function schemaConstant({ bytes, root }: EventSchema, names: TypeNames): string {
  const name = names.of(root);
  const base64 = Buffer.from(bytes).toString('base64');
  const lines = base64.match(new RegExp(`.{1,${BASE64_CHARACTERS}}`, 'g')) ?? [];
  return `/** The .bfbs file. */
const BFBS = \`
${lines.join('\n')}
\`;

/** The schema of these events. */
export const ${name}: EventSchema<${name}, ${names.viewOf(root)}> = eventSchema(
  Buffer.from(BFBS, 'base64'),
);
`;
}
