/** What a source file declares, exports and names, read from its syntax tree. */

import { ts } from "@ts-morph/common";

/** A declaration at the top level of a file. */
export interface Declaration {
  readonly name: string;
  readonly line: number;
  /** Types and interfaces, which leave nothing at run time. */
  readonly isType: boolean;
  /** Identifiers in it that may stand for other declarations. */
  readonly names: ReadonlySet<string>;
}

/** A name that another file exports; `*` is all of them. */
export interface Target {
  readonly file: string;
  readonly name: string;
}

export interface Source {
  readonly path: string;
  readonly declarations: readonly Declaration[];
  /** Exported names, and the names in the file that they stand for. */
  readonly exports: ReadonlyMap<string, string>;
  /** Names exported from other files: `export { name } from`. */
  readonly reexports: ReadonlyMap<string, Target>;
  /** Files whose names are all exported: `export * from`. */
  readonly wildcards: ReadonlySet<string>;
  /** Names in the file that stand for another file's exports. */
  readonly imports: ReadonlyMap<string, Target>;
  /** What is taken from other files without a name at the top level: `await import(...)`, files named in strings. */
  readonly lazy: readonly Target[];
  /** Files that an import or an export names. */
  readonly files: ReadonlySet<string>;
  /** Identifiers in statements that declare nothing. */
  readonly names: ReadonlySet<string>;
}

/** Reads a file's text; `path` is relative to the top of the tree, as are all paths in the result. */
export function parseSource(
  path: string,
  text: string,
  exists: (path: string) => boolean,
): Source {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const source = {
    path,
    declarations: [] as Declaration[],
    exports: new Map<string, string>(),
    reexports: new Map<string, Target>(),
    wildcards: new Set<string>(),
    imports: new Map<string, Target>(),
    lazy: lazyTargets(file, path, exists),
    files: new Set<string>(),
    names: new Set<string>(),
  };
  const declare = (name: string, node: ts.Node, exported: boolean) => {
    source.declarations.push({
      name,
      line: file.getLineAndCharacterOfPosition(node.getStart()).line + 1,
      isType: ts.isTypeAliasDeclaration(node) ||
        ts.isInterfaceDeclaration(node),
      names: identifiers(node),
    });
    if (exported) source.exports.set(name, name);
  };
  for (const statement of file.statements) {
    if (ts.isImportDeclaration(statement)) {
      const target = resolve(path, statement.moduleSpecifier);
      if (!target) continue;
      source.files.add(target);
      for (const [name, imported] of importedNames(statement)) {
        source.imports.set(name, { file: target, name: imported });
      }
    } else if (ts.isExportDeclaration(statement)) {
      const target = statement.moduleSpecifier &&
        resolve(path, statement.moduleSpecifier);
      if (target) source.files.add(target);
      if (target && !statement.exportClause) source.wildcards.add(target);
      for (const [name, local] of exportedNames(statement)) {
        if (target) source.reexports.set(name, { file: target, name: local });
        else source.exports.set(name, local);
      }
    } else if (ts.isVariableStatement(statement)) {
      for (const variable of statement.declarationList.declarations) {
        for (const name of boundNames(variable.name)) {
          declare(name, variable, isExported(statement));
        }
      }
    } else if (isNamedDeclaration(statement)) {
      declare(statement.name!.text, statement, isExported(statement));
    } else {
      identifiers(statement).forEach((name) => source.names.add(name));
    }
  }
  return source;
}

function isNamedDeclaration(node: ts.Statement) {
  return ts.isFunctionDeclaration(node) || ts.isClassDeclaration(node) ||
    ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node) ||
    ts.isEnumDeclaration(node);
}

function isExported(node: ts.Statement): boolean {
  return ts.canHaveModifiers(node) &&
    ts.getModifiers(node)?.some(({ kind }) =>
        kind === ts.SyntaxKind.ExportKeyword
      ) === true;
}

function resolve(from: string, specifier: ts.Node): string | undefined {
  return ts.isStringLiteral(specifier) && specifier.text.startsWith(".")
    ? new URL(specifier.text, `file:///${from}`).pathname.slice(1)
    : undefined;
}

function* importedNames(
  node: ts.ImportDeclaration,
): Generator<[string, string]> {
  const clause = node.importClause;
  if (clause?.name) yield [clause.name.text, "default"];
  const bindings = clause?.namedBindings;
  if (!bindings) return;
  if (ts.isNamespaceImport(bindings)) {
    yield [bindings.name.text, "*"];
    return;
  }
  for (const { name, propertyName } of bindings.elements) {
    yield [name.text, (propertyName ?? name).text];
  }
}

/** The exported name, and the one that it stands for: `*` where it is a namespace. */
function* exportedNames(
  node: ts.ExportDeclaration,
): Generator<[string, string]> {
  const clause = node.exportClause;
  if (!clause) return;
  if (ts.isNamespaceExport(clause)) {
    yield [clause.name.text, "*"];
    return;
  }
  for (const { name, propertyName } of clause.elements) {
    yield [name.text, (propertyName ?? name).text];
  }
}

function boundNames(binding: ts.BindingName): string[] {
  if (ts.isIdentifier(binding)) return [binding.text];
  return binding.elements.flatMap((element) =>
    ts.isBindingElement(element) ? boundNames(element.name) : []
  );
}

/** The identifiers below a node but names of members, which stand for no declaration. */
function identifiers(node: ts.Node): Set<string> {
  const found = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && !isMemberName(node)) found.add(node.text);
    ts.forEachChild(node, visit);
  };
  visit(node);
  return found;
}

function isMemberName(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node;
  if (ts.isQualifiedName(parent)) return parent.right === node;
  return (ts.isPropertyAssignment(parent) || ts.isTypeElement(parent) ||
    ts.isClassElement(parent)) && parent.name === node;
}

/** `await import("./x.ts")`, and strings that name a file of the tree: a program or a worker that is started. */
function lazyTargets(
  file: ts.SourceFile,
  path: string,
  exists: (path: string) => boolean,
): Target[] {
  const found: Target[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node) && node.text.endsWith(".ts")) {
      const target = namedFile(node.text, path, exists);
      const names = isDynamicImport(node.parent)
        ? takenNames(node.parent)
        : undefined;
      if (target && !isImportOrExport(node.parent)) {
        for (const name of names ?? ["*"]) found.push({ file: target, name });
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

/** The file of the tree that a string names: relative to the file that it is in, from the top, or below a mount. */
function namedFile(
  text: string,
  from: string,
  exists: (path: string) => boolean,
): string | undefined {
  const parts = text.split("/");
  const below = parts.map((_, i) => parts.slice(i).join("/"));
  const nearby = new URL(text, `file:///${from}`).pathname.slice(1);
  return [nearby, ...below].find(exists);
}

function isImportOrExport(node: ts.Node): boolean {
  return ts.isImportDeclaration(node) || ts.isExportDeclaration(node);
}

function isDynamicImport(node: ts.Node): node is ts.CallExpression {
  return ts.isCallExpression(node) &&
    node.expression.kind === ts.SyntaxKind.ImportKeyword;
}

/** `a` and `b` of `const { a, b } = await import(...)`; undefined where it does not say what is taken. */
function takenNames(call: ts.CallExpression): string[] | undefined {
  let parent: ts.Node = call.parent;
  while (
    ts.isAwaitExpression(parent) || ts.isParenthesizedExpression(parent)
  ) parent = parent.parent;
  if (ts.isPropertyAccessExpression(parent)) return [parent.name.text];
  if (
    !ts.isVariableDeclaration(parent) || !ts.isObjectBindingPattern(parent.name)
  ) return undefined;
  return parent.name.elements.map(({ name, propertyName }) =>
    (propertyName ?? name).getText()
  );
}
