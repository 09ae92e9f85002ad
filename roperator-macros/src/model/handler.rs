//! The rules of `#[sync]` and `#[finalize]`: the function's shape, and which operator it is for.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::punctuated::Punctuated;
use syn::{
    FnArg, GenericArgument, GenericParam, Item, Path, PathArguments, ReturnType, Safety, Signature, Token, Type,
};

use super::{Call, Handler, RejectedHandler, Role, default_library, value};
use crate::errors::Errors;
use crate::parse::{Function, Head, Piece};

/// Judges the arguments of `#[sync]` or `#[finalize]` and the function under it.
pub(crate) fn check(
    role: Role,
    pieces: &[Piece],
    function: Result<Function, TokenStream>,
) -> Result<Handler, Box<RejectedHandler>> {
    let mut errors = Errors::default();
    let arguments = Arguments::read(role, pieces, &mut errors);
    let library = arguments.library.clone().unwrap_or_else(default_library);
    let Ok(Function { signature }) = function.map_err(|item| refuse_item(role, item, &mut errors)) else {
        return Err(Box::new(RejectedHandler {
            errors,
            role,
            library,
            operator: arguments.operator,
        }));
    };

    let judge = Judge {
        role,
        signature: &signature,
        stated: arguments.operator.as_ref(),
    };
    judge.modifiers(&mut errors);
    if let Some(receiver) = signature.receiver() {
        judge.refuse_method(receiver.self_token, &mut errors);
        return Err(Box::new(RejectedHandler {
            errors,
            role,
            library,
            operator: None,
        }));
    }
    let inputs = judge.inputs(&mut errors);
    judge.output(inputs.operator.as_ref(), &mut errors);

    match (inputs, errors.is_empty()) {
        (
            Inputs {
                operator: Some(operator),
                request: Some(request),
                state,
            },
            true,
        ) => Ok(Handler {
            role,
            library,
            operator,
            function: signature.ident.clone(),
            call: match signature.asyncness {
                Some(_) => Call::Awaited,
                None => Call::Plain,
            },
            state: state.map(ToTokens::into_token_stream),
            request: request.into_token_stream(),
            output: signature.output.to_token_stream(),
        }),
        (inputs, _) => Err(Box::new(RejectedHandler {
            errors,
            role,
            library,
            operator: inputs.operator,
        })),
    }
}

/// The arguments of the attribute.
#[derive(Default)]
struct Arguments {
    operator: Option<Path>,
    library: Option<Path>,
}

impl Arguments {
    fn read(role: Role, pieces: &[Piece], errors: &mut Errors) -> Self {
        let mut arguments = Self::default();
        for piece in pieces {
            let before = errors.count();
            arguments.piece(role, piece, errors);
            if errors.count() == before {
                value::surplus(piece, &format!("#[{}(EchoOperator)]", role.name()), errors);
            }
        }
        arguments
    }

    fn piece(&mut self, role: Role, piece: &Piece, errors: &mut Errors) {
        let attribute = role.name();
        match (&piece.subject.head, &piece.assigned) {
            (Head::Path(key), Some(_)) if key.is_ident("crate") => {
                if self.library.is_some() {
                    errors.report(key, "`crate` is given twice", "keep one of the two");
                }
                self.library = value::path(piece, "crate = path::to::roperator", errors);
            }
            (Head::Path(key), Some(assigned)) if key.is_ident("operator") => {
                let mend = format!("write the operator alone: `#[{attribute}(EchoOperator)]`");
                errors.report(
                    &piece.subject,
                    format!("`operator` is no key of `#[{attribute}]`"),
                    mend,
                );
                if let Head::Path(operator) = &assigned.value.head {
                    self.operator = Some(operator.clone());
                }
            }
            (Head::Path(operator), None) if piece.subject.list.is_none() => {
                if self.operator.is_some() {
                    errors.report(
                        operator,
                        format!("`#[{attribute}]` names two operators"),
                        "keep one; write a function for each operator",
                    );
                }
                self.operator.get_or_insert_with(|| operator.clone());
            }
            (Head::Text(text), None) => {
                let mend = format!("leave the quotes out: `#[{attribute}({})]`", text.value());
                errors.report(text, "an operator is a path, not a string", mend);
                self.operator = text.parse().ok();
            }
            _ => {
                let problem = format!("`{}` is no argument of `#[{attribute}]`", value::spelled(piece));
                let mend = format!("it takes an operator, `#[{attribute}(EchoOperator)]`, and `crate = path`");
                errors.report(piece, problem, mend);
            }
        }
    }
}

fn refuse_item(role: Role, item: TokenStream, errors: &mut Errors) {
    let attribute = role.name();
    let kept: TokenStream = match syn::parse2::<Item>(item.clone()) {
        Ok(Item::Struct(item)) => item.struct_token.into_token_stream(),
        Ok(Item::Enum(item)) => item.enum_token.into_token_stream(),
        Ok(Item::Impl(item)) => item.impl_token.into_token_stream(),
        Ok(Item::Mod(item)) => item.mod_token.into_token_stream(),
        Ok(Item::Const(item)) => item.const_token.into_token_stream(),
        Ok(Item::Static(item)) => item.static_token.into_token_stream(),
        _ => item
            .into_iter()
            .next()
            .map(TokenTree::into_token_stream)
            .unwrap_or_default(),
    };
    let shape = shape(role, "EchoOperator");
    errors.report(
        kept,
        format!("`#[{attribute}]` belongs on a function"),
        format!("write `{shape}` under it"),
    );
}

/// The function as it should look.
fn shape(role: Role, operator: &str) -> String {
    let (name, response) = (role.name(), role.response());
    format!("fn {name}(request: &SyncRequest<{operator}>) -> Result<{response}<{operator}>>")
}

/// What the arguments of the function are.
#[derive(Default)]
struct Inputs<'f> {
    operator: Option<Path>,
    state: Option<&'f Type>,
    request: Option<&'f Type>,
}

struct Judge<'f> {
    role: Role,
    signature: &'f Signature,
    /// The operator that the attribute names.
    stated: Option<&'f Path>,
}

impl<'f> Judge<'f> {
    fn modifiers(&self, errors: &mut Errors) {
        let attribute = self.role.name();
        let signature = self.signature;
        if let Some(token) = &signature.constness {
            errors.report(
                token,
                format!("a `#[{attribute}]` function runs on the cluster's data"),
                "remove `const`",
            );
        }
        if let Safety::Unsafe(token) = &signature.safety {
            let mend = "remove `unsafe`, and keep it to a block inside";
            errors.report(
                token,
                "the runtime cannot keep what an unsafe function asks of its caller",
                mend,
            );
        }
        if let Some(abi) = &signature.abi {
            errors.report(
                abi,
                format!("a `#[{attribute}]` function is called from Rust"),
                "remove the `extern`",
            );
        }
        if let Some(variadic) = &signature.variadic {
            errors.report(variadic, "the runtime passes no further arguments", "remove the `...`");
        }
        for parameter in &signature.generics.params {
            if !matches!(parameter, GenericParam::Lifetime(_)) {
                errors.report(
                    parameter,
                    format!(
                        "`{}` is generic, but the runtime calls it for one operator",
                        signature.ident
                    ),
                    "write the concrete types, and call a generic function from here",
                );
            }
        }
    }

    fn refuse_method(&self, receiver: impl ToTokens, errors: &mut Errors) {
        let name = self.role.name();
        errors.report(
            receiver,
            format!("`#[{name}]` belongs on a free function, not on a method"),
            format!(
                "move it out of the `impl` and take the operator as its first argument: \
                 `fn {name}(operator: &EchoOperator, request: &SyncRequest<EchoOperator>)`; or write \
                 `impl {} for EchoOperator`",
                self.role.implemented_trait()
            ),
        );
    }

    fn inputs(&self, errors: &mut Errors) -> Inputs<'f> {
        let types: Vec<&Type> = self.signature.inputs.iter().filter_map(typed).collect();
        match types.as_slice() {
            [request] => self.request(None, request, errors),
            [state, request] if request_like(state) && !request_like(request) => {
                let operator = self.request(None, state, errors).operator;
                let written = as_path(behind_reference(request)).and_then(last);
                let is_operator = operator.as_ref().is_none_or(|operator| last(operator) == written);
                let mend = if is_operator {
                    "swap the two: the operator first, then the request".to_owned()
                } else {
                    let name = self.spelled_operator(operator.as_ref());
                    format!("keep it in the operator's fields, and take `&{name}` before the request")
                };
                errors.report(request, "the request is the last argument", mend);
                Inputs {
                    operator,
                    ..Inputs::default()
                }
            }
            [state, request] => self.request(Some(state), request, errors),
            [] => {
                let shape = shape(self.role, &self.spelled_operator(None));
                let problem = format!("`{}` takes no request", self.signature.ident);
                errors.report(&self.signature.ident, problem, format!("write `{shape}`"));
                self.nothing_but_operator(types.as_slice())
            }
            [_, _, surplus @ ..] => {
                let surplus: Punctuated<&Type, Token![,]> = surplus.iter().copied().collect();
                errors.report(
                    surplus,
                    format!("`{}` takes too many arguments", self.signature.ident),
                    "the runtime passes the operator, if wanted, and the request; keep the rest in the operator's fields",
                );
                self.nothing_but_operator(types.as_slice())
            }
        }
    }

    /// The operator of a function whose arguments are not judged in detail.
    fn nothing_but_operator(&self, types: &[&Type]) -> Inputs<'f> {
        let inferred = types
            .iter()
            .copied()
            .find(|ty| request_like(ty))
            .and_then(inferred_operator);
        Inputs {
            operator: self.stated.cloned().or(inferred),
            ..Inputs::default()
        }
    }

    fn request(&self, state: Option<&'f Type>, request: &'f Type, errors: &mut Errors) -> Inputs<'f> {
        let inferred = inferred_operator(request);
        let operator = self.stated.cloned().or_else(|| inferred.clone());
        let name = self.spelled_operator(inferred.as_ref());
        match request {
            Type::Reference(reference) => {
                if let Some(token) = &reference.mutability {
                    errors.report(token, "the request is shared", format!("write `&SyncRequest<{name}>`"));
                }
            }
            _ if request_like(request) => {
                let written = value::spelled(request);
                errors.report(
                    request,
                    "the request is passed by reference",
                    format!("add a `&`: `&{written}`"),
                );
            }
            _ if self.stated.is_some() => {
                let mend = format!("write `&SyncRequest<{name}>`");
                errors.report(request, "the request is passed by reference", mend);
            }
            _ => {}
        }
        self.which_operator(request, inferred.as_ref(), errors);
        if let Some(state) = state {
            self.state(state, operator.as_ref(), errors);
        }
        Inputs {
            operator,
            state,
            request: Some(request),
        }
    }

    /// Whether the signature and the attribute together say for which operator the function is.
    fn which_operator(&self, request: &Type, inferred: Option<&Path>, errors: &mut Errors) {
        let attribute = self.role.name();
        match (self.stated, inferred) {
            (Some(stated), Some(inferred)) if last(stated) != last(inferred) => {
                errors.report(
                    inferred,
                    format!(
                        "the request is one of `{}`, but `#[{attribute}]` is for `{}`",
                        value::spelled(inferred),
                        value::spelled(stated)
                    ),
                    format!("write the same operator in both places, or `#[{attribute}]` alone"),
                );
            }
            (None, None) if request_like(request) => {
                errors.report(
                    request,
                    "`SyncRequest` does not say whose request it is",
                    "name the operator: `&SyncRequest<EchoOperator>`",
                );
            }
            (Some(stated), None) if request_like(request) => {
                errors.report(
                    request,
                    "`SyncRequest` without an operator is the request of a dynamic one",
                    format!("write `&SyncRequest<{}>`", value::spelled(stated)),
                );
            }
            (None, None) => {
                errors.report(
                    request,
                    format!(
                        "`{}` does not tell which operator the function is for",
                        value::spelled(request)
                    ),
                    format!("write `&SyncRequest<EchoOperator>`, or name it: `#[{attribute}(EchoOperator)]`"),
                );
            }
            _ => {}
        }
    }

    fn state(&self, state: &Type, operator: Option<&Path>, errors: &mut Errors) {
        let name = operator.map_or_else(|| "EchoOperator".to_owned(), value::spelled);
        let mend = format!("write `&{name}`");
        let Type::Reference(reference) = state else {
            errors.report(state, "the operator is passed by reference", mend);
            return;
        };
        if let Some(token) = &reference.mutability {
            errors.report(
                token,
                "syncs of many parents share the operator",
                format!("write `&{name}`, and keep what changes in a `Mutex` or an atomic"),
            );
        }
        let written = as_path(&reference.elem).and_then(last);
        if operator.is_some() && written != operator.and_then(last) {
            errors.report(
                &reference.elem,
                format!(
                    "the first of two arguments is the operator, not `{}`",
                    value::spelled(&reference.elem)
                ),
                format!("{mend}, and keep what the function needs in its fields"),
            );
        }
    }

    fn output(&self, operator: Option<&Path>, errors: &mut Errors) {
        let response = self.role.response();
        let name = operator.map_or_else(|| "EchoOperator".to_owned(), value::spelled);
        let mend = format!("return `Result<{response}<{name}>>`");
        match &self.signature.output {
            ReturnType::Default => {
                let problem = format!("`{}` returns nothing", self.signature.ident);
                errors.report(&self.signature.ident, problem, mend);
            }
            ReturnType::Type(_, output) => match &**output {
                Type::ImplTrait(_) => {
                    errors.report(
                        output,
                        "the return type is hidden",
                        format!("make it an `async fn` and {mend}"),
                    );
                }
                Type::Tuple(tuple) if tuple.elems.is_empty() => {
                    errors.report(output, format!("`{}` returns nothing", self.signature.ident), mend);
                }
                output if as_path(output).and_then(last).is_some_and(|last| last == response) => {
                    errors.report(output, format!("`{response}` is returned without a `Result`"), mend);
                }
                _ => {}
            },
        }
    }

    fn spelled_operator(&self, inferred: Option<&Path>) -> String {
        let operator = inferred.or(self.stated);
        operator.map_or_else(|| "EchoOperator".to_owned(), value::spelled)
    }
}

fn typed(input: &FnArg) -> Option<&Type> {
    match input {
        FnArg::Typed(input) => Some(&input.ty),
        FnArg::Receiver(_) => None,
    }
}

/// Whether a type is written `SyncRequest`, with or without `&` and an operator.
fn request_like(ty: &Type) -> bool {
    as_path(behind_reference(ty))
        .and_then(last)
        .is_some_and(|last| last == "SyncRequest")
}

/// `Op` of `SyncRequest<Op>`.
fn inferred_operator(request: &Type) -> Option<Path> {
    if !request_like(request) {
        return None;
    }
    let PathArguments::AngleBracketed(arguments) = &as_path(behind_reference(request))?.segments.last()?.arguments
    else {
        return None;
    };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => as_path(ty).cloned(),
        _ => None,
    })
}

fn behind_reference(ty: &Type) -> &Type {
    match ty {
        Type::Reference(reference) => behind_reference(&reference.elem),
        // What a macro passed on as `$ty:ty`.
        Type::Group(group) => behind_reference(&group.elem),
        other => other,
    }
}

fn as_path(ty: &Type) -> Option<&Path> {
    match ty {
        Type::Path(path) if path.qself.is_none() => Some(&path.path),
        Type::Group(group) => as_path(&group.elem),
        Type::Paren(paren) => as_path(&paren.elem),
        _ => None,
    }
}

/// The name at the end of a path: two paths with the same one may well be the same type.
fn last(path: &Path) -> Option<String> {
    path.segments.last().map(|segment| segment.ident.unraw().to_string())
}
