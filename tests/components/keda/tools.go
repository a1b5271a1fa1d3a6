package keda

import _ "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
