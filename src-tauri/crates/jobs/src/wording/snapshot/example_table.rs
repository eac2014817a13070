/// A function with the examples of each variant, by its name. A variant without a line does not compile.
macro_rules! examples {
    ($visibility:vis $function:ident: $type:ty { $($pattern:pat => $($example:expr),+;)* }) => {
        $visibility fn $function() -> Vec<(&'static str, $type)> {
            fn each_variant_has_a_line(value: &$type) {
                match value {
                    $($pattern => {})*
                }
            }
            let examples = vec![$($({
                let pattern = stringify!($pattern);
                let name = pattern.split(['(', '{']).next().unwrap_or(pattern);
                (name.trim(), $example)
            }),+),*];
            for (_, example) in &examples {
                each_variant_has_a_line(example);
            }
            examples
        }
    };
}

pub(super) use examples;
