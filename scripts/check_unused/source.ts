/** The declarations, exports, imports and names of a source file, read from its syntax tree. */

import { ts } from "@ts-morph/common";

/** A declaration at the top level of a file. */
export interface Declaration {
  readonly name: string;
  readonly line: number;
  /** True for type aliases and interfaces. */
  readonly isType: boolean;
  /** Identifiers in the declaration that may refer to other declarations. */
  readonly names: ReadonlySet<string>;
}

/** An export of another file. The name `*` stands for all its exports. */
export interface Target {
  readonly file: string;
  readonly name: string;
}

/** A parsed source file. */
export interface Source {
  readonly path: string;
  readonly declarations: readonly Declaration[];
  /** Local names by exported name. */
  readonly exports: ReadonlyMap<string, string>;
  /** Exports of other files (`export { name } from`) by exported name. */
  readonly reexports: ReadonlyMap<string, Target>;
  /** Files of `export * from`. */
  readonly wildcards: ReadonlySet<string>;
  /** Exports of other files by imported name. */
  readonly imports: ReadonlyMap<string, Target>;
  /** Exports of other files used by `await import(...)`, and all exports of files named in strings. */
  readonly lazy: readonly Target[];
  /** Files of static imports and exports. */
  readonly files: ReadonlySet<string>;
  /** Identifiers in statements that are not declarations. */
  readonly names: ReadonlySet<string>;
}

/** Parses a file. All paths are relative to the top of the tree. */
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

/** Yields exported and original names; the original name is `*` for a namespace. */
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

/** Returns the identifiers below a node, except member names, which do not refer to declarations. */
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

/** Returns the targets of `await import("./x.ts")` and of strings that name a file, such as a program or a worker. */
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

/**
 * Returns the file that a string names: relative to the file with the string, or a suffix of the string relative to the
 * top of the tree, for paths below a mount point.
 */
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

/** Returns `a` and `b` of `const { a, b } = await import(...)`, or undefined if the names are unknown. */
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
